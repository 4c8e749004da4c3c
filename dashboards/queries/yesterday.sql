-- What yesterday cost, beside the median of the last four same weekdays.
WITH
    {include:dates},
    {include:normal_day}
SELECT
    toFloat64(ifNull(sumIf(d.effective_cost, d.day = yesterday), 0)) AS yesterday_usd,
    toFloat64(ifNull(sumIf(d.effective_cost, d.day = normal_day), 0)) AS normal_usd,
    if(normal_usd = 0, NULL, yesterday_usd / normal_usd - 1) AS change_share
FROM spend_daily AS d
WHERE d.day IN (yesterday, normal_day)
    {filters:d}
HAVING sum(d.calls) > 0
