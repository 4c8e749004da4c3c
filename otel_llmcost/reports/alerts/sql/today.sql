-- The day until now: whole hours from their sums, the hour that runs and the one before it from the calls.
SELECT
    h.feature AS feature,
    h.environment AS environment,
    h.team AS team,
    h.tenant AS tenant,
    h.response_model AS model,
    toDateTime(h.hour, 'UTC') AS at,
    toInt64(h.calls) AS calls,
    toFloat64(ifNull(h.effective_cost, 0)) AS usd
FROM spend_hourly AS h
WHERE h.hour >= toDateTime(toDate($__toTime, 'UTC'), 'UTC')
    AND h.hour < toStartOfHour($__toTime, 'UTC') - INTERVAL 1 HOUR
UNION ALL
SELECT
    c.feature AS feature,
    c.environment AS environment,
    c.team AS team,
    c.tenant AS tenant,
    c.response_model AS model,
    toDateTime(c.started_at, 'UTC') AS at,
    toInt64(c.correction_id = '') AS calls,
    toFloat64(ifNull(c.effective_cost, 0)) AS usd
FROM llm_calls AS c
WHERE c.started_at >= greatest(toDateTime(toDate($__toTime, 'UTC'), 'UTC'), toStartOfHour($__toTime, 'UTC') - INTERVAL 1 HOUR)
    AND c.started_at <= $__toTime
