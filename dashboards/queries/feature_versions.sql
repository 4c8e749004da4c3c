-- The versions of the services that called, the newest first.
SELECT
    c.service_name AS service,
    c.service_version AS version,
    toDateTime(min(c.started_at), 'UTC') AS first_call,
    countIf(c.correction_id = '') AS calls,
    toFloat64(ifNull(sum(c.effective_cost), 0)) AS usd,
    if(calls = 0, NULL, usd / calls) AS a_call_usd,
    if(calls = 0, NULL, sum(c.input_tokens) / calls) AS input_a_call_tokens
FROM llm_calls AS c
WHERE c.started_at >= $__fromTime
    AND c.started_at <= $__toTime
    {filters:c}
GROUP BY 
    service,
    version
ORDER BY
    first_call DESC
LIMIT 20
