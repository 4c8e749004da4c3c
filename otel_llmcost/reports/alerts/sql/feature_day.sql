-- A feature's day is out of all proportion: three times what the last four same weekdays had cost by this hour with
-- calls that became half as dear again, or five times for whatever reason; at least 5 USD above them.
SELECT
    t.feature AS feature,
    '' AS environment,
    '' AS tenant,
    'day' AS subject,
    t.usd / u.usd AS value,
    t.usd AS usd,
    toDateTime(toDate($__toTime, 'UTC'), 'UTC') AS since,
    concat('$', toDecimalString(t.usd, 2), ' today, usually $', toDecimalString(u.usd, 2), ' by this hour') AS what,
    if(t.usd / t.calls >= 1.5 * u.usd / u.calls, 'dearer calls', 'more calls') AS driver,
    t.offenders AS offenders
FROM
(
    SELECT
        s.feature AS feature,
        sum(s.usd) AS usd,
        greatest(1, sum(s.calls)) AS calls,
        topKWeighted(3)(concat(s.tenant, ' ', s.model), toUInt64(1e6 * greatest(0, s.usd))) AS offenders
    FROM
    (
        {include:today}
    ) AS s
    GROUP BY feature
) AS t
INNER JOIN
(
    SELECT
        h.feature AS feature,
        greatest(0.01, toFloat64(ifNull(sum(h.effective_cost), 0)) / 4) AS usd,
        greatest(1, sum(h.calls) / 4) AS calls
    FROM spend_hourly AS h
    WHERE toDate(h.hour) IN (toDate($__toTime, 'UTC') - 7, toDate($__toTime, 'UTC') - 14, toDate($__toTime, 'UTC') - 21, toDate($__toTime, 'UTC') - 28)
        AND h.hour >= $__toTime - INTERVAL 720 HOUR
        AND toHour(h.hour) <= toHour($__toTime, 'UTC')
    GROUP BY feature
) AS u ON u.feature = t.feature
WHERE t.usd >= u.usd + 5
    AND (t.usd >= 5 * u.usd OR (t.usd >= 3 * u.usd AND t.usd / t.calls >= 1.5 * u.usd / u.calls))
