-- Why: the dearest calls were those by their first price: after a repricing they stood there at what they had cost before, and
--      a call whose rate arrived later was not among them at all. They are now what they cost today, corrections included.
--      What was derived before says the first price until its day is touched again; `llmcost verify --repair` does that.
-- Mutation: no. Safe to re-run: yes. Undo: the comments and the derivation of 0028.
ALTER TABLE dearest_calls_log {on_cluster}
    COMMENT COLUMN list_cost 'USD at published prices, corrections included',
    COMMENT COLUMN effective_cost 'USD after negotiated prices, likewise';

CREATE OR REPLACE VIEW dearest_calls {on_cluster} AS
SELECT * EXCEPT (is_mark)
FROM dearest_calls_log
FINAL
WHERE NOT is_mark
    AND (day, derived_at) IN
(
    SELECT
        l.day,
        max(l.derived_at)
    FROM dearest_calls_log AS l
    WHERE l.is_mark
    GROUP BY l.day
)
COMMENT 'The 50 dearest calls of each day, feature, team and environment';

-- Only the 50 of each are held in memory, and the corrections of the due days, of which there are mostly none: their name is
-- part of the key, so they are found before anything is merged.
CREATE OR REPLACE VIEW dearest_calls_derivation {on_cluster} AS
WITH (SELECT mapFromArrays(groupArray(toString(k.environment)), groupArray(k.since)) FROM kept_since AS k) AS since_of
SELECT
    *,
    now64(6, 'UTC') AS derived_at
FROM
(
    SELECT
        false AS is_mark,
        f.day AS day,
        f.feature AS feature,
        f.team AS team,
        f.environment AS environment,
        f.top.4 AS trace_id,
        f.top.3 AS span_id,
        f.top.2 AS started_at,
        f.top.5 AS duration_ns,
        f.top.6 AS tenant,
        f.top.7 AS provider,
        f.top.8 AS response_model,
        f.top.9 AS input_tokens,
        f.top.10 AS cache_read_tokens,
        f.top.11 AS output_tokens,
        f.top.12 AS list_cost,
        -f.top.1 AS effective_cost
    FROM
    (
        SELECT
            toDate(c.started_at) AS day,
            c.feature AS feature,
            c.team AS team,
            c.environment AS environment,
            arrayJoin(
                groupArraySorted(50)(
                    (
                        -toDecimal64(ifNull(c.effective_cost, 0) + ifNull(k.effective_cost, 0), 12),
                        c.started_at,
                        c.span_id,
                        c.trace_id,
                        c.duration_ns,
                        toString(c.tenant),
                        toString(c.provider),
                        toString(if(c.response_model = '', c.request_model, c.response_model)),
                        c.input_tokens,
                        c.cache_read_tokens,
                        c.output_tokens,
                        if(c.list_cost IS NULL AND k.list_cost IS NULL, NULL, toDecimal64(ifNull(c.list_cost, 0) + ifNull(k.list_cost, 0), 12))
                    )
                )
            ) AS top
        FROM llm_calls_log AS c
        FINAL
        LEFT JOIN
        (
            SELECT
                a.trace_id AS trace_id,
                a.span_id AS span_id,
                sum(a.list_cost) AS list_cost,
                sum(a.effective_cost) AS effective_cost
            FROM llm_calls_log AS a
            FINAL
            PREWHERE a.correction_id != ''
            WHERE toStartOfHour(a.started_at) IN
            (
                SELECT arrayJoin(arrayMap(number -> toDateTime(due.day, 'UTC') + INTERVAL number HOUR, range(24)))
                FROM dearest_calls_due AS due
            )
            GROUP BY
                trace_id,
                span_id
        ) AS k ON k.trace_id = c.trace_id AND k.span_id = c.span_id
        WHERE toStartOfHour(c.started_at) IN
            (
                SELECT arrayJoin(arrayMap(number -> toDateTime(due.day, 'UTC') + INTERVAL number HOUR, range(24)))
                FROM dearest_calls_due AS due
            )
            AND toDateTime(toDate(c.started_at), 'UTC') >= if(mapContains(since_of, toString(c.environment)), since_of[toString(c.environment)], since_of[''])
            AND c.correction_id = ''
            AND (c.effective_cost IS NOT NULL OR k.effective_cost IS NOT NULL)
        GROUP BY
            day,
            feature,
            team,
            environment
    ) AS f
    UNION ALL
    SELECT
        false AS is_mark,
        kept.* EXCEPT (derived_at)
    FROM dearest_calls AS kept
    WHERE kept.day IN (SELECT due.day FROM dearest_calls_due AS due)
        AND toDateTime(kept.day, 'UTC') < if(mapContains(since_of, toString(kept.environment)), since_of[toString(kept.environment)], since_of[''])
    UNION ALL
    SELECT
        true AS is_mark,
        due.day AS day,
        nothing.* EXCEPT (is_mark, day, derived_at)
    FROM dearest_calls_due AS due
    LEFT JOIN
    (
        SELECT *
        FROM dearest_calls_log
        WHERE false
    ) AS nothing ON nothing.day = due.day
)
COMMENT 'The dearest calls of the due days, as of now: the text that the owner and the refreshed view both run';
