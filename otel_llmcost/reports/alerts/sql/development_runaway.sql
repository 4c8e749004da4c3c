-- Development, staging or CI spends five times its usual hour, and at least 5 USD in the last one.
SELECT
    '' AS feature,
    toString(c.environment) AS environment,
    '' AS tenant,
    'runaway outside production' AS subject,
    c.usd / greatest(ifNull(u.usual, 0), 0.01) AS value,
    c.usd AS usd,
    c.since AS since,
    concat('$', toDecimalString(c.usd, 2), ' in the last hour, usually $', toDecimalString(ifNull(u.usual, 0), 2), '; ', toString(c.calls), ' calls') AS what,
    'development, evaluation or CI' AS driver,
    c.offenders AS offenders
FROM
(
    SELECT
        if(l.environment = 'production', 'CI in production', l.environment) AS environment,
        toFloat64(ifNull(sum(l.effective_cost), 0)) AS usd,
        count() AS calls,
        toDateTime(min(l.started_at), 'UTC') AS since,
        topKWeighted(3)(concat(l.feature, ' ', l.call_site), toUInt64(1e6 * greatest(0, toFloat64(ifNull(l.effective_cost, 0))))) AS offenders
    FROM llm_calls AS l
    WHERE l.started_at > $__toTime - INTERVAL 1 HOUR
        AND l.started_at <= $__toTime
        AND (l.environment NOT IN ('', 'production') OR l.workload IN ('ci', 'eval'))
    GROUP BY environment
) AS c
LEFT JOIN
(
    SELECT
        if(h.environment = 'production', 'CI in production', h.environment) AS environment,
        toFloat64(ifNull(sum(h.effective_cost), 0)) / 168 AS usual
    FROM spend_hourly AS h
    WHERE h.hour >= toStartOfHour($__toTime, 'UTC') - INTERVAL 169 HOUR
        AND h.hour < toStartOfHour($__toTime, 'UTC') - INTERVAL 1 HOUR
        AND (h.environment NOT IN ('', 'production') OR h.workload IN ('ci', 'eval'))
    GROUP BY environment
) AS u ON u.environment = c.environment
WHERE c.usd >= 5
    AND c.usd >= 5 * ifNull(u.usual, 0)
