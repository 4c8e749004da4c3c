-- User actions that took many calls: a retry loop looks like success, each of its calls was answered.
SELECT
    c.feature AS feature,
    c.tenant AS tenant,
    c.request_id AS subject,
    toUnixTimestamp64Nano(min(c.started_at)) AS since_ns,
    count() AS calls,
    sum(c.list_cost) AS list_cost,
    topK(1)(c.attempt_reason)[1] AS was,
    topK(1)(if(c.response_model = '', c.request_model, c.response_model))[1] AS became,
    toFloat64(count()) AS factor
FROM llm_calls AS c
WHERE c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
    AND c.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
    AND c.correction_id = ''
    AND c.request_id != ''
GROUP BY
    feature,
    tenant,
    subject
HAVING calls >= 8
ORDER BY
    calls DESC,
    since_ns
LIMIT {limit:UInt64};
