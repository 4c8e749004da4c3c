-- What each agent cost, the dearest first.
SELECT
    if(s.agent = '', '(no agent)', s.agent) AS agent,
    toFloat64(ifNull(sum(s.effective_cost), 0)) AS usd
FROM spend_hourly AS s
WHERE s.hour >= toStartOfHour($__fromTime, 'UTC')
    AND s.hour <= $__toTime
    {filters:s}
GROUP BY agent
ORDER BY
    usd DESC,
    agent
LIMIT 12
