-- How the calls of the last day are priced now: by their last correction, where they have one.
SELECT
    if(a.status = '', c.price_status, a.status) AS status,
    count() AS calls,
    toFloat64(ifNull(sum(c.effective_cost), 0) + sum(a.effective_cost)) AS usd
FROM llm_calls AS c
LEFT JOIN
(
    SELECT
        k.trace_id AS trace_id,
        k.span_id AS span_id,
        argMax(toString(k.price_status), k.received_at) AS status,
        ifNull(sum(k.effective_cost), 0) AS effective_cost
    FROM llm_calls AS k
    WHERE k.started_at > $__toTime - INTERVAL 24 HOUR
        AND k.started_at <= $__toTime
        AND k.correction_id != ''
    GROUP BY
        trace_id,
        span_id
) AS a ON a.trace_id = c.trace_id AND a.span_id = c.span_id
WHERE c.started_at > $__toTime - INTERVAL 24 HOUR
    AND c.started_at <= $__toTime
    AND c.correction_id = ''
    {filters:c}
GROUP BY status
ORDER BY
    calls DESC,
    status
