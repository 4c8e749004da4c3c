-- Why: the dearest calls of a feature lie anywhere among its calls, and every block of calls holds some of every feature,
--      so that no index finds them: a week was read to show ten. The 50 dearest of each day and feature are enough to
--      answer for any number of whole days, and 1 in 100 of the calls.
-- Mutation: no. Safe to re-run: yes.
-- Undo: DROP VIEW dearest_calls_derivation; DROP VIEW dearest_calls; DROP VIEW dearest_calls_due; DROP TABLE dearest_calls_log.
CREATE TABLE IF NOT EXISTS dearest_calls_log {on_cluster}
(
    is_mark Bool COMMENT 'True for the row that says that the day was derived, even where it has no calls' CODEC(ZSTD(1)),
    day Date COMMENT 'The day (UTC) on which the call started' CODEC(ZSTD(1)),
    feature LowCardinality(String) COMMENT 'The product feature that pays; empty means unattributed' CODEC(ZSTD(1)),
    team LowCardinality(String) COMMENT 'The team that answers for it' CODEC(ZSTD(1)),
    environment LowCardinality(String) COMMENT 'Where it ran' CODEC(ZSTD(1)),
    trace_id String COMMENT 'W3C trace id, 32 lowercase hex digits' CODEC(ZSTD(1)),
    span_id String COMMENT 'W3C span id of the call itself, 16 lowercase hex digits' CODEC(ZSTD(1)),
    started_at DateTime64(9, 'UTC') COMMENT 'Start of the call' CODEC(T64, ZSTD(1)),
    duration_ns Int64 COMMENT 'Nanoseconds from the start until the last byte' CODEC(T64, ZSTD(1)),
    tenant LowCardinality(String) COMMENT 'The customer on whose behalf' CODEC(ZSTD(1)),
    provider LowCardinality(String) COMMENT 'Who sells the model' CODEC(ZSTD(1)),
    response_model LowCardinality(String) COMMENT 'The model that answered, or the one asked for where none did' CODEC(ZSTD(1)),
    input_tokens Int64 COMMENT 'All input tokens, cached ones and every modality included' CODEC(T64, ZSTD(1)),
    cache_read_tokens Int64 COMMENT 'The part of input_tokens served from cache' CODEC(T64, ZSTD(1)),
    output_tokens Int64 COMMENT 'All generated tokens, reasoning and every modality included' CODEC(T64, ZSTD(1)),
    list_cost Nullable(Decimal(18, 12)) COMMENT 'USD at published prices, as the call was first priced' CODEC(GCD, T64('bit'), ZSTD(1)),
    effective_cost Nullable(Decimal(18, 12)) COMMENT 'USD after negotiated prices, likewise' CODEC(GCD, T64('bit'), ZSTD(1)),
    derived_at DateTime64(6, 'UTC') COMMENT 'When this derivation of the day began; only the newest one counts' CODEC(ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(derived_at)
PARTITION BY toYYYYMM(day)
ORDER BY (is_mark, feature, day, team, environment, trace_id, span_id)
COMMENT 'Derivations of the dearest calls of each day, old ones included: read dearest_calls instead';

CREATE VIEW IF NOT EXISTS dearest_calls_due {on_cluster} AS
SELECT
    t.day AS day,
    t.last_touched_at AS touched_at,
    ifNull(d.last_derived_at, toDateTime64(0, 6, 'UTC')) AS derived_at
FROM
(
    SELECT
        toDate(n.hour) AS day,
        max(n.touched_at) AS last_touched_at
    FROM touched_hours AS n
    WHERE toDate(n.hour) > (SELECT toDate(s.since) FROM derivable_since AS s)
    GROUP BY day
) AS t
LEFT JOIN
(
    SELECT
        l.day AS day,
        max(l.derived_at) AS last_derived_at
    FROM dearest_calls_log AS l
    WHERE l.is_mark
    GROUP BY l.day
) AS d ON d.day = t.day
WHERE t.last_touched_at >= ifNull(d.last_derived_at, toDateTime64(0, 6, 'UTC')) - INTERVAL 60 SECOND
ORDER BY
    derived_at,
    day
LIMIT 7
COMMENT 'Days to derive next, the longest neglected first';

CREATE VIEW IF NOT EXISTS dearest_calls {on_cluster} AS
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

-- Only the 50 of each are held in memory, and nothing is sorted: the negative cost comes first in what is compared.
CREATE VIEW IF NOT EXISTS dearest_calls_derivation {on_cluster} AS
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
                        -assumeNotNull(c.effective_cost),
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
                        c.list_cost
                    )
                )
            ) AS top
        FROM llm_calls_log AS c
        FINAL
        WHERE toStartOfHour(c.started_at) IN
            (
                SELECT arrayJoin(arrayMap(number -> toDateTime(due.day, 'UTC') + INTERVAL number HOUR, range(24)))
                FROM dearest_calls_due AS due
            )
            AND toDateTime(toDate(c.started_at), 'UTC') >= if(mapContains(since_of, toString(c.environment)), since_of[toString(c.environment)], since_of[''])
            AND c.correction_id = ''
            AND c.effective_cost IS NOT NULL
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
