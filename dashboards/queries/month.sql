-- The month so far, its plan, and what it comes to at the mean of the last seven whole days. The plan is the month's
-- limit of the whole; where there is none, the sum of the month's limits of features.
WITH
    {include:dates},
    toStartOfMonth(today) AS first_day,
    addMonths(first_day, 1) AS next_first_day,
    plans AS
    (
        SELECT
            sumIf(l.cap, l.feature = '') AS whole,
            sumIf(l.cap, l.feature != '') AS parts,
            toFloat64(if(whole > 0, whole, parts)) AS plan
        FROM limits AS l
        WHERE l.window = 'month'
            AND l.per = ''
            AND l.team = ''
            AND l.tenant = ''
            AND l.effective_from <= today
            AND (l.effective_to IS NULL OR l.effective_to > today)
    )
SELECT
    toFloat64(ifNull(sumIf(d.effective_cost, d.day >= first_day), 0)) AS month_to_date_usd,
    (SELECT if(p.plan > 0, p.plan, NULL) FROM plans AS p) AS plan_usd,
    month_to_date_usd
        + toFloat64(ifNull(sumIf(d.effective_cost, d.day < today AND d.day >= today - 7), 0)) / 7
        * (toInt32(next_first_day - today) - toHour($__toTime, 'UTC') / 24) AS projected_usd
FROM spend_daily AS d
WHERE d.day >= least(first_day, today - 7)
    AND d.day <= today
    {filters:d}
HAVING sum(d.calls) > 0
