-- The dearest calls of the range.
SELECT
    toDateTime(c.started_at, 'UTC') AS started,
    if(c.feature = '', '(unattributed)', c.feature) AS feature,
    if(c.tenant = '', '(no tenant)', c.tenant) AS tenant,
    c.response_model AS model,
    c.input_tokens AS input_tokens,
    c.cache_read_tokens AS cache_read_tokens,
    c.output_tokens AS output_tokens,
    c.duration_ns / 1e9 AS took_s,
    toFloat64(c.effective_cost) AS usd,
    c.trace_id AS trace_id
FROM llm_calls AS c
WHERE c.started_at >= $__fromTime
    AND c.started_at <= $__toTime
    AND c.correction_id = ''
    {filters:c}
ORDER BY
    c.effective_cost DESC NULLS LAST,
    c.started_at
LIMIT 50
