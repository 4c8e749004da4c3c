-- Calls that stand in more than one row, and corrections whose call is not there.
SELECT
    c.trace_id AS trace_id,
    c.span_id AS span_id,
    countIf(c.correction_id = '') AS calls,
    countIf(c.correction_id != '') AS corrections,
    toUnixTimestamp64Nano(toDateTime64(toStartOfHour(min(c.started_at)), 9, 'UTC')) AS hour_ns
FROM llm_calls AS c
WHERE c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
    AND c.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
GROUP BY
    trace_id,
    span_id
HAVING calls != 1
ORDER BY
    trace_id,
    span_id
LIMIT {limit:UInt64};
