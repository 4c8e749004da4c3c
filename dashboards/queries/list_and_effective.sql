-- The month at published prices and after negotiated ones.
WITH
    {include:dates}
SELECT
    if(d.provider = '', '(unknown)', d.provider) AS provider,
    toFloat64(ifNull(sum(d.list_cost), 0)) AS list_usd,
    toFloat64(ifNull(sum(d.effective_cost), 0)) AS effective_usd,
    if(list_usd = 0, NULL, 1 - effective_usd / list_usd) AS discount_share,
    sum(d.unpriced_calls) AS unpriced_calls
FROM spend_daily AS d
WHERE d.day >= toStartOfMonth(today)
    AND d.day <= today
    {filters:d}
GROUP BY provider
ORDER BY
    effective_usd DESC,
    provider
