-- Features whose spend rose in each of the last three whole weeks. A week of which only some days were recorded rises
-- by nothing.
WITH
    {include:dates},
    toMonday(today) - 7 AS week
SELECT
    if(w.feature = '', '(unattributed)', w.feature) AS feature,
    w.usd[1] AS four_weeks_ago_usd,
    w.usd[2] AS three_weeks_ago_usd,
    w.usd[3] AS two_weeks_ago_usd,
    w.usd[4] AS last_week_usd,
    if(w.usd[1] = 0, NULL, w.usd[4] / w.usd[1] - 1) AS rise_share
FROM
(
    SELECT
        d.feature AS feature,
        arrayMap(
            nth -> toFloat64(nth),
            [
                ifNull(sumIf(d.effective_cost, d.day < week - 14), 0),
                ifNull(sumIf(d.effective_cost, d.day >= week - 14 AND d.day < week - 7), 0),
                ifNull(sumIf(d.effective_cost, d.day >= week - 7 AND d.day < week), 0),
                ifNull(sumIf(d.effective_cost, d.day >= week), 0)
            ]
        ) AS usd
    FROM spend_daily AS d
    WHERE d.day >= week - 21
        AND d.day < week + 7
        {filters:d}
    GROUP BY feature
) AS w
WHERE w.usd[4] > 1.02 * w.usd[3]
    AND w.usd[3] > 1.02 * w.usd[2]
    AND w.usd[2] > 1.02 * w.usd[1]
    AND w.usd[1] > 0
    AND (SELECT min(a.day) FROM spend_daily AS a WHERE a.day >= week - 28) <= week - 21
ORDER BY
    last_week_usd DESC,
    feature
