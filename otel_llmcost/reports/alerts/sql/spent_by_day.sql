-- What was spent since the month or the week began, in parts: today, which has everything; earlier days without tenants;
-- earlier days with tenants, where a limit is about them; and what of the last hour was yesterday, which belongs to no
-- window but the hour's.
SELECT
    t.at AS at,
    toDate(t.at) AS day,
    toString(t.feature) AS feature,
    toString(t.team) AS team,
    toString(t.environment) AS environment,
    toString(t.tenant) AS tenant,
    toString(t.workload) AS workload,
    toString(t.agent) AS agent,
    toString(t.model) AS model,
    t.usd AS usd,
    'both' AS kind
FROM
(
    {include:today}
) AS t
UNION ALL
SELECT
    toDateTime(d.day, 'UTC') AS at,
    d.day AS day,
    toString(d.feature) AS feature,
    toString(d.team) AS team,
    toString(d.environment) AS environment,
    '' AS tenant,
    toString(d.workload) AS workload,
    toString(d.agent) AS agent,
    toString(d.response_model) AS model,
    toFloat64(ifNull(d.effective_cost, 0)) AS usd,
    'without tenants' AS kind
FROM spend_daily AS d
WHERE d.day >= least(toStartOfMonth(toDate($__toTime, 'UTC')), toMonday(toDate($__toTime, 'UTC')))
    AND d.day < toDate($__toTime, 'UTC')
UNION ALL
SELECT
    toDateTime(h.hour, 'UTC') AS at,
    toDate(h.hour) AS day,
    toString(h.feature) AS feature,
    toString(h.team) AS team,
    toString(h.environment) AS environment,
    toString(h.tenant) AS tenant,
    toString(h.workload) AS workload,
    toString(h.agent) AS agent,
    toString(h.response_model) AS model,
    toFloat64(ifNull(h.effective_cost, 0)) AS usd,
    'with tenants' AS kind
FROM spend_hourly AS h
WHERE h.hour >=
    (
        SELECT ifNull(minOrNull(f.since), toDateTime(toDate($__toTime, 'UTC'), 'UTC'))
        FROM
        (
            {include:limits_in_force}
        ) AS f
        WHERE (f.tenant != '' AND f.per = '' OR f.per = 'tenant')
            AND f.window != 'hour'
    )
    AND h.hour < toDateTime(toDate($__toTime, 'UTC'), 'UTC')
UNION ALL
SELECT
    toDateTime(c.started_at, 'UTC') AS at,
    toDate(0) AS day,
    toString(c.feature) AS feature,
    toString(c.team) AS team,
    toString(c.environment) AS environment,
    toString(c.tenant) AS tenant,
    toString(c.workload) AS workload,
    toString(c.agent) AS agent,
    toString(c.response_model) AS model,
    toFloat64(ifNull(c.effective_cost, 0)) AS usd,
    'both' AS kind
FROM llm_calls AS c
WHERE c.started_at > $__toTime - INTERVAL 1 HOUR
    AND c.started_at < toDateTime(toDate($__toTime, 'UTC'), 'UTC')
