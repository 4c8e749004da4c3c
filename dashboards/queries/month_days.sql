-- The month day by day, summed up: what was spent, the plan spread evenly, and the mean of the last seven whole days
-- carried on to the end.
WITH
    {include:dates},
    toStartOfMonth(today) AS first_day,
    toInt32(addMonths(first_day, 1) - first_day) AS month_days,
    (
        SELECT toFloat64(if(sumIf(l.cap, l.feature = '') > 0, sumIf(l.cap, l.feature = ''), sumIf(l.cap, l.feature != '')))
        FROM limits AS l
        WHERE l.window = 'month'
            AND l.per = ''
            AND l.team = ''
            AND l.tenant = ''
            AND l.effective_from <= today
            AND (l.effective_to IS NULL OR l.effective_to > today)
    ) AS month_plan,
    spent AS
    (
        SELECT
            d.day AS day,
            toFloat64(ifNull(sum(d.effective_cost), 0)) AS usd
        FROM spend_daily AS d
        WHERE d.day >= least(first_day, today - 7)
            AND d.day <= today
            {filters:d}
        GROUP BY day
    ),
    (SELECT sum(s.usd) / 7 FROM spent AS s WHERE s.day >= today - 7 AND s.day < today) AS a_day
SELECT
    toDateTime(days.day, 'UTC') AS time,
    if(days.day <= today, sum(ifNull(s.usd, 0)) OVER (ORDER BY days.day), NULL) AS actual,
    if(month_plan > 0, month_plan * (toInt32(days.day - first_day) + 1) / month_days, NULL) AS plan,
    if(days.day < yesterday, NULL, sum(if(days.day < today, ifNull(s.usd, 0), a_day)) OVER (ORDER BY days.day)) AS projected
FROM
(
    SELECT first_day + number AS day
    FROM numbers(month_days)
) AS days
LEFT JOIN spent AS s ON s.day = days.day
WHERE (SELECT count() FROM spent) > 0
ORDER BY time
