-- A service that in the last four weeks made ten calls and more in this half hour of the week made none in the last one.
SELECT
    '' AS feature,
    '' AS environment,
    '' AS tenant,
    concat('service ', u.service) AS subject,
    u.calls AS value,
    0 AS usd,
    ifNull(n.last_at, $__toTime - INTERVAL 30 MINUTE) AS since,
    concat('no call for 30 minutes, usually ', toString(round(u.calls))) AS what,
    'no calls' AS driver,
    [u.service] AS offenders
FROM
(
    SELECT
        toString(h.service_name) AS service,
        sum(h.calls) / 4 / 2 AS calls,
        uniqExact(h.hour) AS weeks
    FROM spend_hourly AS h
    WHERE h.hour IN
    (
        toStartOfHour($__toTime - INTERVAL 15 MINUTE, 'UTC') - INTERVAL 168 HOUR,
        toStartOfHour($__toTime - INTERVAL 15 MINUTE, 'UTC') - INTERVAL 336 HOUR,
        toStartOfHour($__toTime - INTERVAL 15 MINUTE, 'UTC') - INTERVAL 504 HOUR,
        toStartOfHour($__toTime - INTERVAL 15 MINUTE, 'UTC') - INTERVAL 672 HOUR
    )
    GROUP BY service
) AS u
LEFT JOIN
(
    SELECT
        toString(c.service_name) AS service,
        toDateTime(max(c.started_at), 'UTC') AS last_at
    FROM llm_calls AS c
    WHERE c.started_at > $__toTime - INTERVAL 6 HOUR
        AND c.started_at <= $__toTime
    GROUP BY service
) AS n ON n.service = u.service
WHERE u.calls >= 10
    AND u.weeks >= 3
    AND ifNull(n.last_at, toDateTime(0, 'UTC')) <= $__toTime - INTERVAL 30 MINUTE
