-- The normal day for yesterday: of the last four same weekdays the one with the median spend (the lower of the two in
-- the middle). It is a day that was, not an average, so its parts sum to it exactly.
weekdays AS
(
    SELECT
        d.day AS day,
        ifNull(sum(d.effective_cost), 0) AS usd
    FROM spend_daily AS d
    WHERE d.day IN (yesterday - 7, yesterday - 14, yesterday - 21, yesterday - 28)
        {filters:d}
    GROUP BY day
),
(
    SELECT arraySort(groupArray((w.usd, w.day)))[intDiv(count() + 1, 2)].2
    FROM weekdays AS w
) AS normal_day
