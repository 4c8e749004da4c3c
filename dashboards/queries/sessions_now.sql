-- Sessions and user actions of the range.
WITH
    $__fromTime AS since,
    $__toTime AS until,
    1 AS every,
    {include:sessions}
SELECT
    count() AS sessions_count,
    quantileExact(0.5)(s.usd) AS p50_a_session_usd,
    quantileExact(0.95)(s.usd) AS p95_a_session_usd,
    max(s.usd) AS dearest_usd,
    avg(s.calls) AS a_session_calls
FROM sessions AS s
WHERE s.last_started_at >= $__fromTime
    AND s.last_started_at <= $__toTime
HAVING count() > 0
