-- The calls themselves, the newest first. What is typed above chooses; what is left empty chooses all.
SELECT
    toDateTime(c.started_at, 'UTC') AS started,
    if(c.feature = '', '(unattributed)', c.feature) AS feature,
    if(c.tenant = '', '(no tenant)', c.tenant) AS tenant,
    if(c.response_model = '', c.request_model, c.response_model) AS model,
    c.input_tokens AS input_tokens,
    c.cache_read_tokens AS cache_read_tokens,
    c.output_tokens AS output_tokens,
    c.duration_ns / 1e9 AS took_s,
    toFloat64(c.effective_cost) AS usd,
    c.price_status AS price,
    c.attempt_kind AS attempt,
    if(c.error_type = '', c.finish_reason, c.error_type) AS ended,
    c.call_site AS call_site,
    c.request_id AS request_id,
    c.session_id AS session_id,
    c.trace_id AS trace_id
FROM llm_calls AS c
WHERE c.started_at >= $__fromTime
    AND c.started_at <= $__toTime
    AND ('' IN (${trace_id:singlequote}) OR c.trace_id IN (${trace_id:singlequote}))
    AND ('' IN (${session_id:singlequote}) OR c.session_id IN (${session_id:singlequote}))
    AND ('' IN (${request_id:singlequote}) OR c.request_id IN (${request_id:singlequote}))
    AND ('' IN (${call_site:singlequote}) OR c.call_site IN (${call_site:singlequote}))
    {filters:c}
ORDER BY
    c.started_at DESC,
    c.trace_id,
    c.span_id
LIMIT 500
