-- Calls that one user action takes, by the day.
SELECT
    toDateTime(toDate(r.first_started_at), 'UTC') AS time,
    avg(r.calls) AS mean,
    toFloat64(quantileExact(0.95)(r.calls)) AS p95,
    toFloat64(max(r.calls)) AS most
FROM request_attempts AS r
WHERE r.first_started_at >= toDateTime(toDate($__fromTime, 'UTC'), 'UTC')
    AND r.first_started_at <= $__toTime
    {filters:r}
GROUP BY time
ORDER BY time
