-- How long after its end a call arrived here, over the last day of the range at most.
SELECT
    $__timeInterval(c.started_at) AS time,
    quantileExact(0.5)(greatest(0, toUnixTimestamp64Nano(c.received_at) - toUnixTimestamp64Nano(c.started_at) - c.duration_ns)) / 1e9 AS p50,
    quantileExact(0.95)(greatest(0, toUnixTimestamp64Nano(c.received_at) - toUnixTimestamp64Nano(c.started_at) - c.duration_ns)) / 1e9 AS p95
FROM llm_calls AS c
WHERE c.started_at > greatest($__fromTime, $__toTime - INTERVAL 24 HOUR)
    AND c.started_at <= $__toTime
    AND c.correction_id = ''
    {filters:c}
GROUP BY time
ORDER BY time
