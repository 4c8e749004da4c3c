-- Where the calls of the last day come from that nobody named: what to name next.
SELECT
    c.call_site AS call_site,
    c.service_name AS service,
    count() AS calls,
    toFloat64(ifNull(sum(c.effective_cost), 0)) AS usd
FROM unattributed AS c
WHERE c.started_at > $__toTime - INTERVAL 24 HOUR
    AND c.started_at <= $__toTime
    AND c.correction_id = ''
    {filters:c}
GROUP BY
    call_site,
    service
ORDER BY
    usd DESC,
    calls DESC,
    call_site
LIMIT 20
