-- Calls that failed, that tried again, and whose answer was rejected by the application or cut off by its limit.
SELECT
    $__timeInterval(c.started_at) AS time,
    toFloat64(countIf(c.error_type != '')) AS failed,
    toFloat64(countIf(c.attempt_kind != 'first')) AS retried,
    toFloat64(countIf(c.rejected != '')) AS rejected,
    toFloat64(countIf(c.finish_reason IN ('length', 'max_tokens', 'MAX_TOKENS', 'max_output_tokens'))) AS truncated
FROM llm_calls AS c
WHERE c.started_at >= $__fromTime
    AND c.started_at <= $__toTime
    AND c.correction_id = ''
    {filters:c}
GROUP BY time
ORDER BY time
