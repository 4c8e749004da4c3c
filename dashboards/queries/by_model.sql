-- The range by model, the dearest first.
SELECT
    if(d.response_model = '', '(unknown)', d.response_model) AS model,
    toFloat64(ifNull(sum(d.effective_cost), 0)) AS usd
FROM spend_daily AS d
WHERE d.day >= toDate($__fromTime, 'UTC')
    AND d.day <= toDate($__toTime, 'UTC')
    {filters:d}
GROUP BY model
ORDER BY
    usd DESC,
    model
LIMIT 12
