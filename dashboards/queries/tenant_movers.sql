-- The customers whose yesterday differs most from the mean of the seven days before it.
WITH
    {include:dates}
SELECT
    if(d.tenant = '', '(no tenant)', d.tenant) AS tenant,
    toFloat64(ifNull(sumIf(d.effective_cost, d.day = yesterday), 0)) AS yesterday_usd,
    toFloat64(ifNull(sumIf(d.effective_cost, d.day < yesterday), 0)) / 7 AS usual_usd,
    yesterday_usd - usual_usd AS change_usd,
    sumIf(d.calls, d.day = yesterday) AS yesterday_calls,
    sumIf(d.calls, d.day < yesterday) / 7 AS usual_calls
FROM tenant_spend_daily AS d
WHERE d.day >= yesterday - 7
    AND d.day <= yesterday
    {filters:d}
GROUP BY d.tenant
ORDER BY
    abs(change_usd) DESC,
    tenant
LIMIT 12
