-- User actions that look like loops: the same request three times and more, or several times the calls that the
-- catalogue expects. A loop looks like success, each of its calls was answered. Actions are looked into of which some
-- hour asked the same twice or called more than three times: all others are far more, and no loops.
WITH
    {include:dates},
    {include:owners},
    suspected AS
    (
        SELECT p.request_id AS request_id
        FROM request_attempts_hourly AS p
        WHERE p.hour >= toStartOfHour($__fromTime, 'UTC')
            AND p.hour <= $__toTime
            AND (p.calls > 3 OR (notEmpty(p.request_hashes) AND p.calls > length(p.request_hashes)))
            {filters:p}
    ),
    actions AS
    (
        SELECT
            h.feature AS feature,
            h.tenant AS tenant,
            h.request_id AS request_id,
            min(h.first_started_at) AS first_started_at,
            sum(h.calls) AS calls,
            toInt64(length(groupUniqArrayArray(256)(h.request_hashes))) AS distinct_requests,
            arraySort(groupUniqArrayArray(16)(h.attempt_reasons)) AS attempt_reasons,
            sum(h.effective_cost) AS effective_cost
        FROM request_attempts_hourly AS h
        WHERE h.hour >= toStartOfHour($__fromTime - INTERVAL 24 HOUR, 'UTC')
            AND h.hour <= $__toTime
            AND h.request_id IN (SELECT s.request_id FROM suspected AS s)
            {filters:h}
        GROUP BY
            h.environment,
            h.tenant,
            h.feature,
            h.request_id
    )
SELECT
    toDateTime(a.first_started_at, 'UTC') AS started,
    if(a.feature = '', '(unattributed)', a.feature) AS feature,
    if(a.tenant = '', '(no tenant)', a.tenant) AS tenant,
    a.calls AS calls,
    a.distinct_requests AS distinct_calls,
    nullIf(o.expected_calls, 0) AS expected_calls,
    toFloat64(a.effective_cost) AS usd,
    arrayStringConcat(a.attempt_reasons, ', ') AS reasons,
    a.request_id AS request_id
FROM actions AS a
LEFT JOIN owners AS o ON o.feature = a.feature
WHERE a.first_started_at >= $__fromTime
    AND a.first_started_at <= $__toTime
    AND ((a.distinct_requests > 0 AND a.calls >= 3 * a.distinct_requests) OR a.calls > 3 * greatest(3, ifNull(o.expected_calls, 3)))
ORDER BY
    usd DESC NULLS LAST,
    started
LIMIT 20
