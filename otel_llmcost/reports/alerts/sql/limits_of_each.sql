-- What the limits for each user, session or user action by itself have been used up to, from the calls: no sums know
-- them by all that a limit may name. Nothing is read where there is no such limit. What has ended an hour ago is over,
-- where the limit is for its whole life.
SELECT
    l.feature AS feature,
    l.environment AS environment,
    l.tenant AS tenant,
    l.scope AS scope,
    l.per AS per,
    l.window AS window,
    multiIf(l.per = 'user', c.user_id, l.per = 'session', c.session_id, c.request_id) AS name,
    l.warn AS warn,
    l.cap AS cap,
    if(l.window = '', toDateTime(min(c.started_at), 'UTC'), l.since) AS since,
    sum(toFloat64(ifNull(c.effective_cost, 0)) AS usd) AS spent,
    sumIf(usd, c.started_at > $__toTime - INTERVAL 1 HOUR) AS hour_usd,
    topKWeightedIf(3)(toString(c.feature), toUInt64(1e6 * usd), usd > 0) AS features,
    topKWeightedIf(1)(toString(c.response_model), toUInt64(1e6 * usd), usd > 0) AS models
FROM llm_calls AS c
CROSS JOIN
(
    SELECT f.*
    FROM
    (
        {include:limits_in_force}
    ) AS f
    WHERE f.per IN ('user', 'session', 'request')
) AS l
WHERE c.started_at <= $__toTime
    AND c.started_at >=
    (
        SELECT ifNull(minOrNull(f.since), $__toTime)
        FROM
        (
            {include:limits_in_force}
        ) AS f
        WHERE f.per IN ('user', 'session', 'request')
    )
    AND c.started_at >= l.since
    AND (l.feature = '' OR c.feature = l.feature)
    AND (l.team = '' OR c.team = l.team)
    AND (l.environment = '' OR c.environment = l.environment)
    AND (l.tenant = '' OR c.tenant = l.tenant)
    AND (l.workload = '' OR c.workload = l.workload)
    AND (l.agent = '' OR c.agent = l.agent)
    AND name != ''
GROUP BY
    feature,
    environment,
    tenant,
    scope,
    per,
    window,
    name,
    warn,
    cap,
    l.since
HAVING l.window != ''
    OR max(c.started_at) > $__toTime - INTERVAL 1 HOUR
