-- The calls that arrived last, the newest first.
SELECT
    toUnixTimestamp64Nano(c.started_at) AS started_at_ns,
    toUnixTimestamp64Nano(c.received_at) AS received_at_ns,
    c.trace_id AS trace_id,
    c.span_id AS span_id,
    c.feature AS feature,
    c.tenant AS tenant,
    c.provider AS provider,
    if(c.response_model = '', c.request_model, c.response_model) AS model,
    c.operation AS operation,
    c.input_tokens AS input_tokens,
    c.output_tokens AS output_tokens,
    c.duration_ns AS duration_ns,
    c.list_cost AS list_cost,
    c.price_status AS price_status,
    c.error_type AS error_type,
    c.attempt_kind AS attempt_kind,
    c.call_site AS call_site
FROM llm_calls AS c
WHERE c.correction_id = ''
    AND c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
ORDER BY
    c.started_at DESC,
    c.trace_id,
    c.span_id
LIMIT {limit:UInt64};
