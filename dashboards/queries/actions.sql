-- Calls that one user action takes, by the day. An action that lasts over hours has a part in each; what it had before
-- the range is left out. Grouped by hashes, since there are as many actions as a third of the calls.
SELECT
    toDateTime(toDate(a.first_started_at), 'UTC') AS time,
    avg(a.calls) AS mean,
    toFloat64(quantileExact(0.95)(a.calls)) AS p95,
    toFloat64(max(a.calls)) AS most
FROM
(
    SELECT
        cityHash64(r.tenant, r.feature, r.request_id) AS key,
        min(r.first_started_at) AS first_started_at,
        sum(r.calls) AS calls
    FROM request_attempts_hourly AS r
    WHERE r.hour >= toDateTime(toDate($__fromTime, 'UTC'), 'UTC')
        AND r.hour <= $__toTime
        {filters:r}
    GROUP BY key
) AS a
WHERE a.first_started_at <= $__toTime
GROUP BY time
ORDER BY time
