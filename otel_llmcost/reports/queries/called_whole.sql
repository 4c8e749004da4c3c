-- Parts of sessions that are called the whole of them, though another row within 16 days is of the same session.
SELECT
    toUnixTimestamp(w.hour) AS period,
    w.feature AS feature,
    uniqExact(w.environment, w.tenant, w.session_id) AS sessions
FROM session_spend_hourly AS w
INNER JOIN
(
    SELECT
        p.hour AS hour,
        p.environment AS environment,
        p.tenant AS tenant,
        p.session_id AS session_id,
        p.feature AS feature,
        p.session_hash AS session_hash
    FROM session_spend_hourly AS p
    WHERE p.hour >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC') - INTERVAL 16 DAY
        AND p.hour < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC') + INTERVAL 16 DAY
        AND p.session_hash IN
        (
            SELECT s.session_hash
            FROM session_spend_hourly AS s
            WHERE s.is_whole
                AND s.hour >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
                AND s.hour < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
        )
) AS o ON o.session_hash = w.session_hash
WHERE w.is_whole
    AND w.hour >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
    AND w.hour < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
    AND o.hour >= w.hour - INTERVAL 16 DAY
    AND o.hour <= w.hour + INTERVAL 16 DAY
    AND (o.hour, o.environment, o.tenant, o.session_id, o.feature) != (w.hour, w.environment, w.tenant, w.session_id, w.feature)
GROUP BY
    period,
    feature
ORDER BY
    period,
    feature;
