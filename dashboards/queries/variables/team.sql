-- The values of the range, the dearest first.
SELECT if(d.team = '', '(no team)', d.team) AS team
FROM spend_daily AS d
WHERE d.day >= toDate($__fromTime, 'UTC') - 30
    AND d.day <= toDate($__toTime, 'UTC')
GROUP BY team
ORDER BY
    sum(d.effective_cost) DESC NULLS LAST,
    team
LIMIT 500
