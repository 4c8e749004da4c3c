-- The values of the range, the dearest first.
SELECT d.provider AS provider
FROM spend_daily AS d
WHERE d.day >= toDate($__fromTime, 'UTC') - 30
    AND d.day <= toDate($__toTime, 'UTC')
    AND d.provider != ''
GROUP BY provider
ORDER BY
    sum(d.effective_cost) DESC NULLS LAST,
    provider
LIMIT 500
