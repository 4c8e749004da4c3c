-- Tokens by what they are billed as: each token in one of them.
SELECT
    $__timeInterval(c.started_at) AS time,
    toFloat64(sum(c.input_tokens - c.cache_read_tokens - c.cache_write_5m_tokens - c.cache_write_1h_tokens)) AS input,
    toFloat64(sum(c.cache_read_tokens)) AS cache_read,
    toFloat64(sum(c.cache_write_5m_tokens + c.cache_write_1h_tokens)) AS cache_write,
    toFloat64(sum(c.output_tokens - c.reasoning_tokens)) AS output,
    toFloat64(sum(c.reasoning_tokens)) AS reasoning
FROM llm_calls AS c
WHERE c.started_at >= $__fromTime
    AND c.started_at <= $__toTime
    {filters:c}
GROUP BY time
ORDER BY time
