-- Features of whose calls some carry a prompt many times as long as the usual one.
SELECT
    c.feature AS feature,
    '' AS tenant,
    usual.model AS subject,
    toUnixTimestamp64Nano(min(c.started_at)) AS since_ns,
    count() AS calls,
    sum(c.list_cost) AS list_cost,
    toString(any(usual.tokens)) AS was,
    toString(toInt64(avg(c.input_tokens))) AS became,
    avg(c.input_tokens) / any(usual.tokens) AS factor
FROM llm_calls AS c
INNER JOIN
(
    SELECT
        u.feature AS feature,
        if(u.response_model = '', u.request_model, u.response_model) AS model,
        quantileExact(0.5)(u.input_tokens) AS tokens
    FROM llm_calls AS u
    WHERE u.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
        AND u.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
        AND u.correction_id = ''
        AND u.usage_quality != 'missing'
    GROUP BY
        feature,
        model
    HAVING count() >= 20
        AND tokens >= 100
) AS usual ON usual.feature = c.feature
    AND usual.model = if(c.response_model = '', c.request_model, c.response_model)
WHERE c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
    AND c.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
    AND c.correction_id = ''
    AND c.input_tokens >= 2.5 * usual.tokens
GROUP BY
    feature,
    subject
HAVING calls >= 5
ORDER BY list_cost DESC NULLS LAST
LIMIT {limit:UInt64};
