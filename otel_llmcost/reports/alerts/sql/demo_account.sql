-- A demo, trial or test account spent 5 USD today.
SELECT
    '' AS feature,
    '' AS environment,
    toString(c.tenant) AS tenant,
    'demo account' AS subject,
    sum(c.usd) / 5 AS value,
    sum(c.usd) AS usd,
    toDateTime(toDate($__toTime, 'UTC'), 'UTC') AS since,
    concat('$', toDecimalString(sum(c.usd), 2), ' today') AS what,
    'a demo account' AS driver,
    topKWeighted(3)(c.feature, toUInt64(1e6 * greatest(0, c.usd))) AS offenders
FROM
(
    SELECT
        h.tenant AS tenant,
        toString(h.feature) AS feature,
        toFloat64(ifNull(h.effective_cost, 0)) AS usd
    FROM spend_hourly AS h
    WHERE h.hour >= toDateTime(toDate($__toTime, 'UTC'), 'UTC')
        AND h.hour < toStartOfHour($__toTime, 'UTC')
    UNION ALL
    SELECT
        l.tenant AS tenant,
        toString(l.feature) AS feature,
        toFloat64(ifNull(l.effective_cost, 0)) AS usd
    FROM llm_calls AS l
    WHERE l.started_at >= toStartOfHour($__toTime, 'UTC')
        AND l.started_at <= $__toTime
) AS c
WHERE match(lower(c.tenant), '(^|[^a-z])(demo|trial|test|sandbox|poc)([^a-z]|$)')
GROUP BY tenant
HAVING usd >= 5
