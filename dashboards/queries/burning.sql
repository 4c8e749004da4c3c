-- What is being spent now, from the calls themselves: the last five minutes and the last hour, each by the hour.
SELECT
    toFloat64(ifNull(sumIf(c.effective_cost, c.started_at > $__toTime - INTERVAL 5 MINUTE), 0)) * 12 AS last_5_minutes_usd_per_hour,
    toFloat64(ifNull(sum(c.effective_cost), 0)) AS last_hour_usd_per_hour,
    countIf(c.correction_id = '') AS last_hour_calls
FROM llm_calls AS c
WHERE c.started_at > $__toTime - INTERVAL 1 HOUR
    AND c.started_at <= $__toTime
    {filters:c}
