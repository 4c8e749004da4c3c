-- The rate tables that priced the calls of the last day, and when the newest of their rates were loaded here.
SELECT
    c.rate_table_version AS table_version,
    c.overlay_version AS own_rates_version,
    min(toDateTime(c.started_at, 'UTC')) AS first_call,
    count() AS calls,
    if(any(r.loaded) = toDateTime(0, 'UTC'), NULL, dateDiff('day', any(r.loaded), $__toTime)) AS days_old_count
FROM llm_calls AS c
LEFT JOIN
(
    SELECT
        toString(rates.rate_table_version) AS version,
        toDateTime(max(rates.loaded_at), 'UTC') AS loaded
    FROM rates
    GROUP BY version
) AS r ON r.version = c.rate_table_version
WHERE c.started_at > $__toTime - INTERVAL 24 HOUR
    AND c.started_at <= $__toTime
    AND c.correction_id = ''
    AND c.rate_table_version != ''
    {filters:c}
GROUP BY
    table_version,
    own_rates_version
ORDER BY calls DESC
LIMIT 10
