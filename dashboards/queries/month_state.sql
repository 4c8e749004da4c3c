-- The month of the range's end: estimated while it runs, closed once its books are.
WITH
    {include:dates},
    toStartOfMonth(today) AS first_day,
    addMonths(first_day, -1) AS month_before
SELECT
    if(first_day IN (SELECT m.month FROM closed_months AS m), 'closed', 'estimate') AS books,
    toFloat64(ifNull(sumIf(d.effective_cost, d.day >= first_day), 0)) AS month_to_date_usd,
    toFloat64(ifNull(sumIf(d.effective_cost, d.day < first_day AND toDayOfMonth(d.day) <= toDayOfMonth(today)), 0)) AS last_month_by_this_day_usd,
    toFloat64(ifNull(sumIf(d.effective_cost, d.day < first_day), 0)) AS last_month_usd
FROM spend_daily AS d
WHERE d.day >= month_before
    AND d.day <= today
    {filters:d}
HAVING sum(d.calls) > 0
