-- A customer spends five times what they usually do in this hour of the week, and at least 3 USD in the last hour.
SELECT
    '' AS feature,
    '' AS environment,
    toString(c.tenant) AS tenant,
    'tenant surge' AS subject,
    c.usd / greatest(ifNull(u.usual, 0), 0.01) AS value,
    c.usd AS usd,
    c.since AS since,
    concat('$', toDecimalString(c.usd, 2), ' in the last hour, usually $', toDecimalString(ifNull(u.usual, 0), 2), '; ', toString(c.calls), ' calls') AS what,
    'one customer' AS driver,
    c.offenders AS offenders
FROM
(
    SELECT
        l.tenant AS tenant,
        toFloat64(ifNull(sum(l.effective_cost), 0)) AS usd,
        count() AS calls,
        toDateTime(min(l.started_at), 'UTC') AS since,
        topKWeighted(3)(toString(l.feature), toUInt64(1e6 * greatest(0, toFloat64(ifNull(l.effective_cost, 0))))) AS offenders
    FROM llm_calls AS l
    WHERE l.started_at > $__toTime - INTERVAL 1 HOUR
        AND l.started_at <= $__toTime
        AND l.tenant != ''
    GROUP BY tenant
) AS c
LEFT JOIN
(
    SELECT
        h.tenant AS tenant,
        toFloat64(ifNull(sum(h.effective_cost), 0)) / 12 AS usual
    FROM spend_hourly AS h
    WHERE h.hour >= toStartOfHour($__toTime, 'UTC') - INTERVAL 673 HOUR
        AND h.hour < toStartOfHour($__toTime, 'UTC') - INTERVAL 1 HOUR
        AND (toInt32(toUnixTimestamp(toStartOfHour($__toTime, 'UTC'))) - toInt32(toUnixTimestamp(h.hour))) % 604800 IN (0, 3600, 601200)
    GROUP BY tenant
) AS u ON u.tenant = c.tenant
WHERE c.usd >= 3
    AND c.usd >= 5 * ifNull(u.usual, 0)
