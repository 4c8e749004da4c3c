-- The same calls together.
SELECT
    countIf(c.correction_id = '') AS calls,
    toFloat64(ifNull(sum(c.effective_cost), 0)) AS usd,
    sum(c.input_tokens) AS input_tokens,
    sum(c.output_tokens) AS output_tokens,
    countIf(c.correction_id = '' AND c.list_cost IS NULL) - sum(c.newly_priced) AS unpriced_calls
FROM llm_calls AS c
WHERE c.started_at >= $__fromTime
    AND c.started_at <= $__toTime
    AND ('' IN (${trace_id:singlequote}) OR c.trace_id IN (${trace_id:singlequote}))
    AND ('' IN (${session_id:singlequote}) OR c.session_id IN (${session_id:singlequote}))
    AND ('' IN (${request_id:singlequote}) OR c.request_id IN (${request_id:singlequote}))
    AND ('' IN (${call_site:singlequote}) OR c.call_site IN (${call_site:singlequote}))
    {filters:c}
HAVING calls > 0
