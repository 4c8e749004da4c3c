-- What a feature usually spends in this hour of the week: the mean of this hour and its neighbours in the last four
-- weeks.
SELECT
    h.feature AS feature,
    toFloat64(ifNull(sum(h.effective_cost), 0)) / 12 AS usual,
    greatest(1, sum(h.calls)) / 12 AS calls
FROM spend_hourly AS h
WHERE h.hour >= toStartOfHour($__toTime, 'UTC') - INTERVAL 673 HOUR
    AND h.hour < toStartOfHour($__toTime, 'UTC') - INTERVAL 1 HOUR
    AND (toInt32(toUnixTimestamp(toStartOfHour($__toTime, 'UTC'))) - toInt32(toUnixTimestamp(h.hour))) % 604800 IN (0, 3600, 601200)
GROUP BY feature
