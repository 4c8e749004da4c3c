-- Hours with calls that nothing will derive: they are not noted as touched.
SELECT toUnixTimestamp64Nano(toDateTime64(h.hour, 9, 'UTC')) AS hour_ns
FROM
(
    SELECT toStartOfHour(c.started_at) AS hour
    FROM llm_calls AS c
    WHERE c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
        AND c.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
    GROUP BY hour
) AS h
LEFT ANTI JOIN touched_hours AS t ON t.hour = h.hour
ORDER BY hour_ns;
