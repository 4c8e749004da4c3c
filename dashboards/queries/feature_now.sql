-- Today so far, midnight at today's pace, the last hour, and the day's limits of the chosen features together.
WITH
    {include:dates},
    (
        SELECT (toFloat64(sum(l.warn)), toFloat64(sum(l.cap)))
        FROM limits AS l
        WHERE l.window = 'day'
            AND l.per = ''
            AND l.feature != ''
            AND l.feature IN (${feature:singlequote})
            AND l.effective_from <= today
            AND (l.effective_to IS NULL OR l.effective_to > today)
    ) AS bounds
SELECT
    t.today_usd AS today_usd,
    if(t.by_now > 0, t.today_usd * t.whole_days / t.by_now, t.today_usd) AS by_midnight_usd,
    t.last_hour AS last_hour_usd_per_hour,
    if(bounds.1 > 0, bounds.1, NULL) AS warn_usd,
    if(bounds.2 > 0, bounds.2, NULL) AS cap_usd
FROM
(
    SELECT
        toFloat64(ifNull(sumIf(s.effective_cost, s.hour >= toDateTime(today, 'UTC')), 0)) AS today_usd,
        toFloat64(ifNull(sumIf(s.effective_cost, s.hour > $__toTime - INTERVAL 61 MINUTE), 0)) AS last_hour,
        toFloat64(ifNull(sumIf(s.effective_cost, s.hour < toDateTime(today, 'UTC')), 0)) AS whole_days,
        toFloat64(ifNull(sumIf(s.effective_cost, s.hour < toDateTime(today, 'UTC') AND toHour(s.hour) < toHour($__toTime, 'UTC')), 0)) AS by_now
    FROM spend_hourly AS s
    WHERE (toDate(s.hour) IN (today - 7, today - 14, today - 21, today - 28) OR s.hour >= toDateTime(today, 'UTC'))
        AND s.hour >= toDateTime(today - 28, 'UTC')
        AND s.hour <= $__toTime
        {filters:s}
    HAVING sum(s.calls) > 0
) AS t
