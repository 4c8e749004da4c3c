-- Spend by the model that answered, from the calls themselves: by the minute when one zooms in.
SELECT
    $__timeInterval(c.started_at) AS time,
    if(c.response_model = '', '(unknown)', c.response_model) AS model,
    toFloat64(ifNull(sum(c.effective_cost), 0)) AS usd
FROM llm_calls AS c
WHERE c.started_at >= $__fromTime
    AND c.started_at <= $__toTime
    {filters:c}
GROUP BY time, model
ORDER BY time
