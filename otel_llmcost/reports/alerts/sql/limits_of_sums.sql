-- What the limits of all together and of each tenant have been used up to, from sums. Of earlier days there are sums
-- without tenants, and hours with them; the latter are read where a limit is about tenants.
SELECT
    l.feature AS feature,
    l.environment AS environment,
    if(l.per = 'tenant', s.tenant, l.tenant) AS tenant,
    l.scope AS scope,
    l.per AS per,
    l.window AS window,
    '' AS name,
    l.warn AS warn,
    l.cap AS cap,
    l.since AS since,
    sum(multiIf(l.window = 'hour', s.hour_usd, l.window = 'day', s.day_usd, l.window = 'week', s.week_usd, s.month_usd) AS usd) AS spent,
    sum(s.hour_usd) AS hour_usd,
    topKWeightedIf(3)(s.feature, toUInt64(1e6 * usd), usd > 0) AS features,
    topKWeightedIf(1)(s.model, toUInt64(1e6 * usd), usd > 0) AS models
FROM
(
    SELECT
        f.*,
        f.tenant != '' OR f.per = 'tenant' AS is_of_tenants
    FROM
    (
        {include:limits_in_force}
    ) AS f
    WHERE f.per IN ('', 'tenant')
    UNION ALL
    SELECT
        a.*,
        false AS is_of_tenants
    FROM
    (
        {include:limits_by_age}
    ) AS a
) AS l
CROSS JOIN
(
    SELECT
        t.feature AS feature,
        t.team AS team,
        t.environment AS environment,
        if(w.has_tenants, t.tenant, '') AS tenant,
        t.workload AS workload,
        t.agent AS agent,
        t.model AS model,
        t.kind AS kind,
        sumIf(t.usd, t.at > $__toTime - INTERVAL 1 HOUR) AS hour_usd,
        sumIf(t.usd, t.day >= toDate($__toTime, 'UTC')) AS day_usd,
        sumIf(t.usd, t.day >= toMonday(toDate($__toTime, 'UTC'))) AS week_usd,
        sumIf(t.usd, t.day >= toStartOfMonth(toDate($__toTime, 'UTC'))) AS month_usd
    FROM
    (
        {include:spent_by_day}
    ) AS t
    CROSS JOIN
    (
        SELECT count() > 0 AS has_tenants
        FROM limits AS n
        WHERE n.tenant != ''
            OR n.per = 'tenant'
    ) AS w
    GROUP BY
        feature,
        team,
        environment,
        tenant,
        workload,
        agent,
        model,
        kind
) AS s
WHERE s.kind IN ('both', if(l.is_of_tenants, 'with tenants', 'without tenants'))
    AND (l.feature = '' AND l.scope NOT LIKE 'default of %' OR s.feature = l.feature)
    AND (l.team = '' OR s.team = l.team)
    AND (l.environment = '' OR s.environment = l.environment)
    AND (l.tenant = '' OR s.tenant = l.tenant)
    AND (l.workload = '' OR s.workload = l.workload)
    AND (l.agent = '' OR s.agent = l.agent)
    AND (l.per = '' OR s.tenant != '')
GROUP BY
    feature,
    environment,
    tenant,
    scope,
    per,
    window,
    warn,
    cap,
    since
