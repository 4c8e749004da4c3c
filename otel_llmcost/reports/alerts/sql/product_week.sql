-- All features together: the last seven whole days cost twice the mean of the three weeks before, and 50 USD more.
SELECT
    '' AS feature,
    '' AS environment,
    '' AS tenant,
    'week' AS subject,
    sum(w.week) / greatest(1, sum(w.usual)) AS value,
    sum(w.week) AS usd,
    toDateTime(toDate($__toTime, 'UTC') - 7, 'UTC') AS since,
    concat('$', toDecimalString(sum(w.week), 2), ' in seven days, usually $', toDecimalString(sum(w.usual), 2)) AS what,
    if(sum(w.week) / greatest(1, sum(w.week_calls)) >= 1.5 * sum(w.usual) / greatest(1, sum(w.usual_calls)), 'dearer calls', 'more calls') AS driver,
    arrayMap(each -> each.2, arraySlice(arrayReverseSort(groupArray((w.week - w.usual, w.feature))), 1, 3)) AS offenders
FROM
(
    SELECT
        toString(d.feature) AS feature,
        toFloat64(ifNull(sumIf(d.effective_cost, d.day >= toDate($__toTime, 'UTC') - 7), 0)) AS week,
        toFloat64(ifNull(sumIf(d.effective_cost, d.day < toDate($__toTime, 'UTC') - 7), 0)) / 3 AS usual,
        sumIf(d.calls, d.day >= toDate($__toTime, 'UTC') - 7) AS week_calls,
        sumIf(d.calls, d.day < toDate($__toTime, 'UTC') - 7) / 3 AS usual_calls,
        min(d.day) AS first_day
    FROM spend_daily AS d
    WHERE d.day >= toDate($__toTime, 'UTC') - 28
        AND d.day < toDate($__toTime, 'UTC')
    GROUP BY feature
) AS w
HAVING min(w.first_day) <= toDate($__toTime, 'UTC') - 27
    AND value >= 2
    AND usd >= sum(w.usual) + 50
