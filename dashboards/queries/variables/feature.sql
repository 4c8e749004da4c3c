-- The values of the range, the dearest first.
SELECT if(d.feature = '', '(unattributed)', d.feature) AS feature
FROM spend_daily AS d
WHERE d.day >= toDate($__fromTime, 'UTC') - 30
    AND d.day <= toDate($__toTime, 'UTC')
GROUP BY feature
ORDER BY
    sum(d.effective_cost) DESC NULLS LAST,
    feature
LIMIT 500
