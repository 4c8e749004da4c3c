-- Sessions and user actions of the range.
WITH
    $__fromTime AS since,
    $__toTime AS until,
    {include:sessions}
SELECT
    count() AS sessions_count,
    toFloat64(quantileExact(0.5)(s.effective_cost)) AS p50_a_session_usd,
    toFloat64(quantileExact(0.95)(s.effective_cost)) AS p95_a_session_usd,
    toFloat64(max(s.effective_cost)) AS dearest_usd,
    avg(s.calls) AS a_session_calls
FROM sessions AS s
WHERE s.last_started_at >= $__fromTime
    AND s.last_started_at <= $__toTime
HAVING count() > 0
