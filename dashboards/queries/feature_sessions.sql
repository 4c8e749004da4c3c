-- What a session costs, by the day of its last call.
WITH
    $__fromTime - INTERVAL 7 DAY AS since,
    $__toTime AS until,
    {include:sessions}
SELECT
    toDateTime(toDate(s.last_started_at), 'UTC') AS time,
    toFloat64(quantileExact(0.5)(s.effective_cost)) AS p50,
    toFloat64(quantileExact(0.95)(s.effective_cost)) AS p95
FROM sessions AS s
WHERE s.last_started_at >= since
    AND s.last_started_at <= $__toTime
    AND s.effective_cost IS NOT NULL
GROUP BY time
ORDER BY time
