-- Where unattributed calls come from, the dearest first: what to name next.
SELECT
    c.call_site AS call_site,
    c.service_name AS service_name,
    countIf(c.correction_id = '') AS calls,
    sum(c.list_cost) AS list_cost
FROM llm_calls AS c
WHERE c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
    AND c.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
    AND c.feature = ''
GROUP BY
    call_site,
    service_name
ORDER BY
    list_cost DESC NULLS LAST,
    calls DESC,
    call_site
LIMIT {limit:UInt64};
