-- What was spent since the month or the week began, and in the last hour, in parts: earlier days without tenants; hours,
-- those of earlier days only where a limit is about tenants; and the calls of the hour that runs and the one before it,
-- as in `today`. What of the last hour was yesterday is of no day here, since the others tell of it, too.
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
    if(h.hour < toDateTime(toDate($__toTime, 'UTC'), 'UTC'), 'with tenants', 'both') AS kind
FROM spend_hourly AS h
WHERE h.hour >=
    (
        SELECT least(ifNull(minOrNull(f.since), $__toTime), toDateTime(toDate($__toTime, 'UTC'), 'UTC'))
        FROM
        (
            {include:limits_in_force}
        ) AS f
        WHERE (f.tenant != '' AND f.per = '' OR f.per = 'tenant')
            AND f.window != 'hour'
    )
    AND h.hour < greatest(toDateTime(toDate($__toTime, 'UTC'), 'UTC'), toStartOfHour($__toTime, 'UTC') - INTERVAL 1 HOUR)
UNION ALL
SELECT
    toDateTime(c.started_at, 'UTC') AS at,
    if(c.started_at < toDateTime(toDate($__toTime, 'UTC'), 'UTC'), toDate(0), toDate(c.started_at)) AS day,
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
WHERE c.started_at >= toStartOfHour($__toTime, 'UTC') - INTERVAL 1 HOUR
    AND c.started_at <= $__toTime
