-- The hours of a window in which calls started, and how many.
SELECT
    toUnixTimestamp64Nano(toDateTime64(toStartOfHour(c.started_at), 9, 'UTC')) AS hour_ns,
    count() AS calls
FROM llm_calls AS c
WHERE c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
    AND c.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
    AND c.correction_id = ''
GROUP BY hour_ns
ORDER BY hour_ns;
