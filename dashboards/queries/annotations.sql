-- What happened that may explain a step. A prompt whose hash appears for the first time is a prompt change, too.
SELECT
    m.at AS time,
    concat(if(m.feature = '', '', concat(m.feature, ': ')), m.subject) AS text,
    m.kind AS tags
FROM
(
    SELECT
        toDateTime(e.occurred_at, 'UTC') AS at,
        toString(e.kind) AS kind,
        toString(e.feature) AS feature,
        if(e.reason = '', e.subject, concat(e.subject, ' - ', e.reason)) AS subject
    FROM cost_events AS e
    WHERE $__timeFilter(e.occurred_at)
    UNION ALL
    SELECT
        toDateTime(min(p.first_started_at), 'UTC') AS at,
        'prompt_change' AS kind,
        toString(p.feature) AS feature,
        concat('prompt ', p.prompt_hash) AS subject
    FROM prompt_shape_daily AS p
    WHERE p.prompt_hash != ''
        AND p.day >= toDate($__fromTime, 'UTC') - 28
        AND p.day <= toDate($__toTime, 'UTC')
    GROUP BY
        p.feature,
        p.prompt_hash
    HAVING $__timeFilter(at)
) AS m
WHERE m.kind IN ({kinds})
ORDER BY time
