-- The dearest sessions of the range. Which they are is found by their keys; only those are then read in full.
WITH
    $__fromTime AS since,
    $__toTime AS until,
    1 AS every,
    {include:sessions},
    dearest AS
    (
        SELECT s.key AS key
        FROM sessions AS s
        WHERE s.last_started_at >= $__fromTime
            AND s.last_started_at <= $__toTime
        ORDER BY
            s.usd DESC NULLS LAST,
            s.key
        LIMIT 20
    )
SELECT
    toDateTime(min(h.first_started_at), 'UTC') AS started,
    if(h.feature = '', '(unattributed)', h.feature) AS feature,
    if(h.tenant = '', '(no tenant)', h.tenant) AS tenant,
    argMax(h.agent, h.last_started_at) AS agent,
    sum(h.calls) AS calls,
    sum(h.input_tokens) AS input_tokens,
    sum(h.output_tokens) AS output_tokens,
    toFloat64(sum(h.effective_cost)) AS usd,
    h.session_id AS session_id
FROM session_spend_hourly AS h
WHERE h.hour >= toStartOfHour(since - INTERVAL 24 HOUR, 'UTC')
    AND h.hour <= $__toTime
    AND cityHash64(h.environment, h.tenant, h.session_hash, h.feature) IN (SELECT d.key FROM dearest AS d)
    {filters:h}
GROUP BY
    h.environment,
    h.tenant,
    h.session_id,
    h.feature
ORDER BY
    usd DESC NULLS LAST,
    started
