-- The range by where and why it ran, the dearest first.
SELECT
    concat(if(d.environment = '', '(no environment)', d.environment), ' ', if(d.workload = '', '(no workload)', d.workload)) AS place,
    toFloat64(ifNull(sum(d.effective_cost), 0)) AS usd
FROM spend_daily AS d
WHERE d.day >= toDate($__fromTime, 'UTC')
    AND d.day <= toDate($__toTime, 'UTC')
    {filters:d}
GROUP BY place
ORDER BY
    usd DESC,
    place
LIMIT 12
