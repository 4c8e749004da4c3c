-- The environments, production first.
SELECT d.environment AS environment
FROM spend_daily AS d
WHERE d.day >= toDate($__fromTime, 'UTC') - 30
    AND d.day <= toDate($__toTime, 'UTC')
    AND d.environment != ''
GROUP BY environment
ORDER BY
    environment != 'production',
    sum(d.effective_cost) DESC NULLS LAST,
    environment
LIMIT 100
