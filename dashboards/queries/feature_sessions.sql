-- What a session costs, by the day of its last call.
WITH
    $__fromTime - INTERVAL 168 HOUR AS since,
    $__toTime AS until,
    1 AS every,
    {include:sessions}
SELECT
    toDateTime(toDate(s.last_started_at), 'UTC') AS time,
    quantileExact(0.5)(s.usd) AS p50,
    quantileExact(0.95)(s.usd) AS p95
FROM sessions AS s
WHERE s.last_started_at >= since
    AND s.last_started_at <= $__toTime
    AND s.usd IS NOT NULL
GROUP BY time
ORDER BY time
