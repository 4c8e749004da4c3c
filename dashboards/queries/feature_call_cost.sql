-- What a call costs: half of them less than p50, 95 % less than p95.
SELECT
    $__timeInterval(c.started_at) AS time,
    toFloat64(avg(c.effective_cost)) AS mean,
    toFloat64(quantileExact(0.5)(c.effective_cost)) AS p50,
    toFloat64(quantileExact(0.95)(c.effective_cost)) AS p95
FROM llm_calls AS c
WHERE c.started_at >= $__fromTime
    AND c.started_at <= $__toTime
    AND c.correction_id = ''
    AND c.effective_cost IS NOT NULL
    {filters:c}
GROUP BY time
ORDER BY time
