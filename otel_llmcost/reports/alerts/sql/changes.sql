-- The last thing that changed in the last two days, by feature: a release, prompt or price that somebody told (without
-- a feature it is about all of them), or a system prompt that was first seen.
SELECT
    m.feature AS feature,
    max(m.at) AS at,
    argMax(concat(m.kind, ' ', m.subject, ' of ', formatDateTime(m.at, '%Y-%m-%d %H:%i', 'UTC')), m.at) AS marker
FROM
(
    SELECT
        toDateTime(e.occurred_at, 'UTC') AS at,
        replaceAll(toString(e.kind), '_', ' ') AS kind,
        toString(e.feature) AS feature,
        e.subject AS subject
    FROM cost_events AS e
    WHERE e.kind IN ('release', 'prompt_change', 'price_change')
        AND e.occurred_at > $__toTime - INTERVAL 48 HOUR
        AND e.occurred_at <= $__toTime
    UNION ALL
    SELECT
        toDateTime(min(p.first_started_at), 'UTC') AS at,
        'prompt change' AS kind,
        toString(p.feature) AS feature,
        toString(p.prompt_hash) AS subject
    FROM prompt_shape_daily AS p
    WHERE p.prompt_hash != ''
        AND p.day >= toDate($__toTime, 'UTC') - 30
        AND p.day <= toDate($__toTime, 'UTC')
    GROUP BY
        p.feature,
        p.prompt_hash
    HAVING at > $__toTime - INTERVAL 48 HOUR
        AND at <= $__toTime
        AND p.feature IN
        (
            SELECT q.feature
            FROM prompt_shape_daily AS q
            WHERE q.day >= toDate($__toTime, 'UTC') - 30
                AND q.day < toDate($__toTime, 'UTC') - 2
        )
) AS m
GROUP BY feature
