-- Today so far, what the last four same weekdays had cost by this hour, and what midnight will bring at that pace: the
-- spend so far, times what those days cost altogether over what they had cost by now.
WITH
    {include:dates},
    toHour($__toTime, 'UTC') AS this_hour
SELECT
    t.today_usd AS today_usd,
    t.normal_by_now_usd AS normal_by_now_usd,
    t.by_midnight_usd AS by_midnight_usd
FROM
(
    SELECT
        toFloat64(ifNull(sumIf(s.effective_cost, toDate(s.hour) = today), 0)) AS today_usd,
        toFloat64(ifNull(sumIf(s.effective_cost, toDate(s.hour) < today AND toHour(s.hour) < this_hour), 0)) AS before_now,
        toFloat64(ifNull(sumIf(s.effective_cost, toDate(s.hour) < today AND toHour(s.hour) = this_hour), 0)) AS this_hour_usd,
        toFloat64(ifNull(sumIf(s.effective_cost, toDate(s.hour) < today), 0)) AS whole_days,
        uniqExactIf(toDate(s.hour), toDate(s.hour) < today) AS days,
        before_now + this_hour_usd * toMinute($__toTime, 'UTC') / 60 AS by_now,
        if(days = 0, NULL, by_now / days) AS normal_by_now_usd,
        if(by_now > 0, today_usd * whole_days / by_now, NULL) AS by_midnight_usd
    FROM spend_hourly AS s
    WHERE (toDate(s.hour) IN (today - 7, today - 14, today - 21, today - 28)
            OR (s.hour >= toDateTime(today, 'UTC') AND s.hour <= $__toTime))
        AND s.hour >= toDateTime(today - 28, 'UTC')
        {filters:s}
    HAVING sum(s.calls) > 0
) AS t
