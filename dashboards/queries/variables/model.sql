-- The models that answered, the dearest first.
SELECT d.response_model AS model
FROM spend_daily AS d
WHERE d.day >= toDate($__fromTime, 'UTC') - 30
    AND d.day <= toDate($__toTime, 'UTC')
    AND d.response_model != ''
GROUP BY model
ORDER BY
    sum(d.effective_cost) DESC NULLS LAST,
    model
LIMIT 200
