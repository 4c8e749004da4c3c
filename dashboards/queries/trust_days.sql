-- Calls by day that have no feature, no price, or a price that is not the model's own.
SELECT
    toDateTime(d.day, 'UTC') AS time,
    if(sum(d.calls) = 0, NULL, sumIf(d.calls, d.feature = '') / sum(d.calls)) AS unattributed,
    if(sum(d.calls) = 0, NULL, sum(d.unpriced_calls) / sum(d.calls)) AS unpriced
FROM spend_daily AS d
WHERE d.day >= toDate($__fromTime, 'UTC')
    AND d.day <= toDate($__toTime, 'UTC')
    {filters:d}
GROUP BY time
ORDER BY time
