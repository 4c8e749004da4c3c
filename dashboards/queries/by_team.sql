-- The range by team, the dearest first.
SELECT
    if(d.team = '', '(no team)', d.team) AS team,
    toFloat64(ifNull(sum(d.effective_cost), 0)) AS usd
FROM spend_daily AS d
WHERE d.day >= toDate($__fromTime, 'UTC')
    AND d.day <= toDate($__toTime, 'UTC')
    {filters:d}
GROUP BY team
ORDER BY
    usd DESC,
    team
LIMIT 12
