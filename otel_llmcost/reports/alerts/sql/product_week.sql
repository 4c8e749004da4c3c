-- All features together: the last seven whole days cost twice the mean of the three weeks before, and 50 USD more.
SELECT
    '' AS feature,
    '' AS environment,
    '' AS tenant,
    'week' AS subject,
    w.week / w.usual AS value,
    w.week AS usd,
    toDateTime(toDate($__toTime, 'UTC') - 7, 'UTC') AS since,
    concat('$', toDecimalString(w.week, 2), ' in seven days, usually $', toDecimalString(w.usual, 2)) AS what,
    '' AS driver,
    w.offender AS offender
FROM
(
    SELECT
        toFloat64(ifNull(sumIf(d.effective_cost, d.day >= toDate($__toTime, 'UTC') - 7), 0)) AS week,
        greatest(1, toFloat64(ifNull(sumIf(d.effective_cost, d.day < toDate($__toTime, 'UTC') - 7), 0)) / 3) AS usual,
        min(d.day) AS first_day,
        toString(argMax(d.feature, (d.day >= toDate($__toTime, 'UTC') - 7, d.effective_cost))) AS offender
    FROM spend_daily AS d
    WHERE d.day >= toDate($__toTime, 'UTC') - 28
        AND d.day < toDate($__toTime, 'UTC')
) AS w
WHERE w.first_day <= toDate($__toTime, 'UTC') - 27
    AND w.week >= 2 * w.usual
    AND w.week >= w.usual + 50
