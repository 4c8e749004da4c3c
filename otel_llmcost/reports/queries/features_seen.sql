-- What each feature has cost on whole days, for limits that fit it: since when, a day of the last week on average, and
-- the dearest day of the last month.
SELECT
    s.feature AS feature,
    topKWeighted(1)(s.team, toUInt64(s.calls))[1] AS team,
    dateDiff('day', min(s.day), {today:Date}) AS age_days,
    intDiv(sumIf(s.day_calls, s.day >= {today:Date} - 7), 7) AS calls_a_day,
    sumIf(s.day_cost, s.day >= {today:Date} - 7) AS week_cost,
    maxIf(s.day_cost, s.day >= {today:Date} - 30) AS month_peak,
    sumIf(s.day_cost, s.day >= {today:Date} - 30) AS month_cost
FROM
(
    SELECT
        d.feature AS feature,
        d.day AS day,
        topKWeighted(1)(d.team, toUInt64(d.calls))[1] AS team,
        sum(d.calls) AS calls,
        calls AS day_calls,
        ifNull(sum(d.effective_cost), 0) AS day_cost
    FROM spend_daily AS d
    WHERE d.day < {today:Date}
        AND d.feature != ''
    GROUP BY
        feature,
        day
) AS s
GROUP BY feature
ORDER BY feature;
