-- What a call costs now, corrections included: half of them less than p50, 95 % less than p95.
SELECT
    s.time AS time,
    toFloat64(avg(s.cost)) AS mean,
    toFloat64(quantileExact(0.5)(s.cost)) AS p50,
    toFloat64(quantileExact(0.95)(s.cost)) AS p95
FROM
(
    SELECT
        any($__timeInterval(c.started_at)) AS time,
        sum(c.effective_cost) AS cost
    FROM llm_calls AS c
    WHERE c.started_at >= $__fromTime
        AND c.started_at <= $__toTime
        {filters:c}
    GROUP BY
        c.trace_id,
        c.span_id
) AS s
WHERE s.cost IS NOT NULL
GROUP BY time
ORDER BY time
