-- Money runs: in the last five minutes at least 2 USD, or in the last hour at least 10, and four times what the feature
-- usually spends in this hour of the week.
SELECT
    c.feature AS feature,
    '' AS environment,
    '' AS tenant,
    'spend velocity' AS subject,
    greatest(c.minutes * 12, c.hour) / greatest(ifNull(u.usual, 0), 0.01) AS value,
    c.hour AS usd,
    c.since AS since,
    concat('$', toDecimalString(c.minutes * 12, 2), ' an hour over five minutes, $', toDecimalString(c.hour, 2), ' in the last hour by ', toString(c.calls), ' calls, usually $', toDecimalString(ifNull(u.usual, 0), 2)) AS what,
    if(c.hour / c.calls >= 1.5 * u.usual / u.calls, 'dearer calls', 'more calls') AS driver,
    c.offenders AS offenders
FROM
(
    SELECT
        l.feature AS feature,
        toFloat64(ifNull(sumIf(l.effective_cost, l.started_at > $__toTime - INTERVAL 5 MINUTE), 0)) AS minutes,
        toFloat64(ifNull(sum(l.effective_cost), 0)) AS hour,
        count() AS calls,
        toDateTime(min(l.started_at), 'UTC') AS since,
        topKWeighted(3)(concat(l.tenant, ' ', l.call_site), toUInt64(1e6 * greatest(0, toFloat64(ifNull(l.effective_cost, 0))))) AS offenders
    FROM llm_calls AS l
    WHERE l.started_at > $__toTime - INTERVAL 1 HOUR
        AND l.started_at <= $__toTime
    GROUP BY feature
) AS c
LEFT JOIN
(
    {include:usual_hours}
) AS u ON u.feature = c.feature
WHERE (c.minutes >= 2 AND c.minutes * 12 >= 4 * ifNull(u.usual, 0))
    OR (c.hour >= 10 AND c.hour >= 4 * ifNull(u.usual, 0))
