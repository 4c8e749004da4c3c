-- User actions that look like loops: the same request three times and more, or several times the calls that the
-- catalogue expects. A loop looks like success, each of its calls was answered.
WITH
    {include:dates},
    {include:owners}
SELECT
    toDateTime(r.first_started_at, 'UTC') AS started,
    if(r.feature = '', '(unattributed)', r.feature) AS feature,
    if(r.tenant = '', '(no tenant)', r.tenant) AS tenant,
    r.calls AS calls,
    r.distinct_requests AS distinct_calls,
    nullIf(o.expected_calls, 0) AS expected_calls,
    toFloat64(r.effective_cost) AS usd,
    arrayStringConcat(r.attempt_reasons, ', ') AS reasons,
    r.request_id AS request_id
FROM request_attempts AS r
LEFT JOIN owners AS o ON o.feature = r.feature
WHERE r.first_started_at >= $__fromTime
    AND r.first_started_at <= $__toTime
    AND ((r.distinct_requests > 0 AND r.calls >= 3 * r.distinct_requests) OR r.calls > 3 * greatest(3, ifNull(o.expected_calls, 3)))
    {filters:r}
ORDER BY
    usd DESC NULLS LAST,
    started
LIMIT 20
