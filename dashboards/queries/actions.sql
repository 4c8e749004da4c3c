-- Calls that one user action takes within an hour. An action that lasts over hours has a part in each, and counts in each.
SELECT
    $__timeInterval(r.hour) AS time,
    avg(r.calls) AS mean,
    toFloat64(quantileExact(0.95)(r.calls)) AS p95,
    toFloat64(max(r.calls)) AS most
FROM request_attempts_hourly AS r
WHERE r.hour >= toStartOfHour($__fromTime, 'UTC')
    AND r.hour <= $__toTime
    {filters:r}
GROUP BY time
ORDER BY time
