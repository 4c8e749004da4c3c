-- How the calls of the last day were priced.
SELECT
    c.price_status AS status,
    count() AS calls,
    toFloat64(ifNull(sum(c.effective_cost), 0)) AS usd
FROM llm_calls AS c
WHERE c.started_at > $__toTime - INTERVAL 1 DAY
    AND c.started_at <= $__toTime
    AND c.correction_id = ''
    {filters:c}
GROUP BY status
ORDER BY
    calls DESC,
    status
