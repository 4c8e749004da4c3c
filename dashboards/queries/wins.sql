-- Features whose cost a call fell last week by a tenth and more, and what that saved on last week's calls.
WITH
    {include:dates},
    toMonday(today) - 7 AS week
SELECT
    if(d.feature = '', '(unattributed)', d.feature) AS feature,
    toFloat64(ifNull(sumIf(d.effective_cost, d.day < week), 0)) / greatest(1, sumIf(d.calls, d.day < week)) AS a_call_before_usd,
    toFloat64(ifNull(sumIf(d.effective_cost, d.day >= week), 0)) / greatest(1, sumIf(d.calls, d.day >= week)) AS a_call_now_usd,
    sumIf(d.calls, d.day >= week) AS calls,
    (a_call_before_usd - a_call_now_usd) * calls AS saved_usd
FROM spend_daily AS d
WHERE d.day >= week - 7
    AND d.day < week + 7
    {filters:d}
GROUP BY d.feature
HAVING a_call_now_usd <= 0.9 * a_call_before_usd
    AND a_call_now_usd > 0
    AND saved_usd >= 0.01
ORDER BY
    saved_usd DESC,
    feature
LIMIT 10
