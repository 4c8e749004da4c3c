-- Sessions and user actions of the range.
SELECT
    count() AS sessions_count,
    toFloat64(quantileExact(0.5)(s.effective_cost)) AS p50_a_session_usd,
    toFloat64(quantileExact(0.95)(s.effective_cost)) AS p95_a_session_usd,
    toFloat64(max(s.effective_cost)) AS dearest_usd,
    avg(s.calls) AS a_session_calls
FROM session_spend AS s
WHERE s.last_started_at >= $__fromTime
    AND s.last_started_at <= $__toTime
    {filters:s}
HAVING count() > 0
