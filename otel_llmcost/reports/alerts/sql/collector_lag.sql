-- Calls arrive ten minutes after their end and later: 95 % of those that arrived in the last fifteen minutes.
SELECT
    '' AS feature,
    '' AS environment,
    '' AS tenant,
    'lag' AS subject,
    l.lag AS value,
    0 AS usd,
    l.since AS since,
    concat('calls arrive ', toString(round(l.lag / 60)), ' minutes after their end') AS what,
    'the way to the store' AS driver,
    l.offenders AS offenders
FROM
(
    SELECT
        count() AS calls,
        quantileExact(0.95)(toUnixTimestamp(c.received_at) - toUnixTimestamp(c.started_at) - c.duration_ns / 1e9) AS lag,
        toDateTime(min(c.started_at), 'UTC') AS since,
        topK(3)(toString(c.service_name)) AS offenders
    FROM llm_calls AS c
    WHERE c.received_at > $__toTime - INTERVAL 15 MINUTE
        AND c.received_at <= $__toTime
        AND c.started_at > $__toTime - INTERVAL 48 HOUR
        AND c.started_at <= $__toTime
        AND c.correction_id = ''
) AS l
WHERE l.calls >= 5
    AND l.lag >= 600
