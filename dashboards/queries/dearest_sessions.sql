-- The dearest sessions of the range.
SELECT
    toDateTime(s.first_started_at, 'UTC') AS started,
    if(s.feature = '', '(unattributed)', s.feature) AS feature,
    if(s.tenant = '', '(no tenant)', s.tenant) AS tenant,
    s.agent AS agent,
    s.calls AS calls,
    s.input_tokens AS input_tokens,
    s.output_tokens AS output_tokens,
    toFloat64(s.effective_cost) AS usd,
    s.session_id AS session_id
FROM session_spend AS s
WHERE s.last_started_at >= $__fromTime
    AND s.last_started_at <= $__toTime
    {filters:s}
ORDER BY
    usd DESC NULLS LAST,
    started
LIMIT 20
