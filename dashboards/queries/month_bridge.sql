-- From the same days of last month to this month so far: the five features that changed most and all others. The bars
-- sum exactly.
WITH
    {include:dates},
    toStartOfMonth(today) AS first_day,
    addMonths(first_day, -1) AS month_before,
    changes AS
    (
        SELECT
            if(d.feature = '', '(unattributed)', d.feature) AS feature,
            ifNull(sumIf(d.effective_cost, d.day < first_day AND toDayOfMonth(d.day) <= toDayOfMonth(today)), 0) AS before,
            ifNull(sumIf(d.effective_cost, d.day >= first_day), 0) AS now,
            row_number() OVER (ORDER BY abs(now - before) DESC, feature) AS place
        FROM spend_daily AS d
        WHERE d.day >= month_before
            AND d.day <= today
            {filters:d}
        GROUP BY feature
    )
SELECT
    bars.step AS step,
    toFloat64(bars.money) AS usd
FROM
(
    SELECT 0 AS place, 'last month' AS step, sum(c.before) AS money FROM changes AS c HAVING count() > 0
    UNION ALL
    SELECT c.place AS place, c.feature AS step, c.now - c.before AS money FROM changes AS c WHERE c.place <= 5
    UNION ALL
    SELECT 6 AS place, 'all others' AS step, sum(c.now - c.before) AS money FROM changes AS c WHERE c.place > 5 HAVING count() > 0
    UNION ALL
    SELECT 7 AS place, 'this month' AS step, sum(c.now) AS money FROM changes AS c HAVING count() > 0
) AS bars
ORDER BY bars.place
