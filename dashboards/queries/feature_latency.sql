-- How long calls take, and until the first token of a stream.
SELECT
    $__timeInterval(c.started_at) AS time,
    quantileExact(0.5)(c.duration_ns) / 1e9 AS p50,
    quantileExact(0.95)(c.duration_ns) / 1e9 AS p95,
    quantileExactIf(0.95)(c.time_to_first_token_ns, c.is_stream) / 1e9 AS first_token_p95
FROM llm_calls AS c
WHERE c.started_at >= $__fromTime
    AND c.started_at <= $__toTime
    AND c.correction_id = ''
    {filters:c}
GROUP BY time
ORDER BY time
