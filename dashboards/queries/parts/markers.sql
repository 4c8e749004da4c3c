-- What changed lately: releases, prompts and prices that somebody told, and system prompts first seen in a call.
markers AS
(
    SELECT
        toDateTime(e.occurred_at, 'UTC') AS at,
        toString(e.kind) AS kind,
        toString(e.feature) AS feature,
        e.subject AS subject
    FROM cost_events AS e
    WHERE e.kind IN ('release', 'prompt_change', 'price_change')
        AND e.occurred_at >= toDateTime(today - 8, 'UTC')
        AND e.occurred_at <= $__toTime
    UNION ALL
    SELECT
        toDateTime(min(p.first_started_at), 'UTC') AS at,
        'prompt_change' AS kind,
        toString(p.feature) AS feature,
        toString(p.prompt_hash) AS subject
    FROM prompt_shape_daily AS p
    WHERE p.prompt_hash != ''
        AND p.day >= today - 36
        AND p.day <= today
    GROUP BY
        p.feature,
        p.prompt_hash
    HAVING at >= toDateTime(today - 8, 'UTC')
        AND p.feature IN
        (
            SELECT o.feature
            FROM prompt_shape_daily AS o
            WHERE o.day >= today - 36
                AND o.day < today - 8
        )
)
