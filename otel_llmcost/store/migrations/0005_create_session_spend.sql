-- Why: what each session cost, one row a session and feature. A session may last over many hours while calls arrive in
--      any of them, so each hour holds its own part of the session, derived whole like spend_hourly, and the session
--      is the sum of its parts: exact over midnight, over two features, and after a late call.
-- Mutation: no. Safe to re-run: yes.
-- Undo: DROP VIEW session_spend; DROP VIEW session_spend_hourly; DROP VIEW session_spend_derivation;
--       DROP VIEW session_spend_due; DROP TABLE session_spend_log.
CREATE TABLE IF NOT EXISTS session_spend_log {on_cluster}
(
    is_mark Bool COMMENT 'True for the row that says that the hour was derived, even where it has no calls' CODEC(ZSTD(1)),
    hour DateTime('UTC') COMMENT 'Start of the hour in which the calls started' CODEC(ZSTD(1)),
    environment LowCardinality(String) COMMENT 'Where it ran' CODEC(ZSTD(1)),
    tenant LowCardinality(String) COMMENT 'The customer on whose behalf' CODEC(ZSTD(1)),
    session_id String COMMENT 'The conversation or run' CODEC(ZSTD(1)),
    feature LowCardinality(String) COMMENT 'The product feature that pays; empty means unattributed' CODEC(ZSTD(1)),
    team LowCardinality(String) COMMENT 'The team that answers for it; of the last call of the hour' CODEC(ZSTD(1)),
    user_id String COMMENT 'The end user; of the last call of the hour' CODEC(ZSTD(1)),
    agent LowCardinality(String) COMMENT 'The agent that called last; of the last call of the hour' CODEC(ZSTD(1)),
    service_name LowCardinality(String) COMMENT 'OTel service.name of the caller; of the last call of the hour' CODEC(ZSTD(1)),
    first_started_at DateTime64(9, 'UTC') COMMENT 'Start of the first call of the hour' CODEC(T64, ZSTD(1)),
    last_started_at DateTime64(9, 'UTC') COMMENT 'Start of the last call of the hour' CODEC(T64, ZSTD(1)),
    duration_ns Int64 COMMENT 'Nanoseconds spent in calls' CODEC(T64, ZSTD(1)),
    calls Int64 COMMENT 'Calls; corrections are not counted' CODEC(T64, ZSTD(1)),
    errors Int64 COMMENT 'Calls that failed' CODEC(T64, ZSTD(1)),
    unpriced_calls Int64 COMMENT 'Calls whose list_cost is unknown' CODEC(T64, ZSTD(1)),
    retries Int64 COMMENT 'Calls that were not the first attempt of their user action' CODEC(T64, ZSTD(1)),
    input_tokens Int64 COMMENT 'All input tokens, cached ones and every modality included' CODEC(T64, ZSTD(1)),
    cache_read_tokens Int64 COMMENT 'The part of input_tokens served from cache' CODEC(T64, ZSTD(1)),
    cache_write_5m_tokens Int64 COMMENT 'The part of input_tokens written to a short-lived cache' CODEC(T64, ZSTD(1)),
    cache_write_1h_tokens Int64 COMMENT 'The part of input_tokens written to a cache that lives for an hour' CODEC(T64, ZSTD(1)),
    output_tokens Int64 COMMENT 'All generated tokens, reasoning and every modality included' CODEC(T64, ZSTD(1)),
    reasoning_tokens Int64 COMMENT 'The part of output_tokens that was thought and not said' CODEC(T64, ZSTD(1)),
    list_cost Nullable(Decimal(38, 12)) COMMENT 'USD at published prices of the calls that have a price; NULL where none has' CODEC(ZSTD(1)),
    effective_cost Nullable(Decimal(38, 12)) COMMENT 'USD after negotiated prices, likewise' CODEC(ZSTD(1)),
    derived_at DateTime64(6, 'UTC') COMMENT 'When this derivation of the hour began; only the newest one counts' CODEC(ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(derived_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (is_mark, hour, environment, tenant, session_id, feature)
COMMENT 'Derivations of the hourly parts of sessions, old ones included: read session_spend instead';

CREATE VIEW IF NOT EXISTS session_spend_due {on_cluster} AS
SELECT
    t.hour AS hour,
    t.last_touched_at AS touched_at,
    ifNull(d.last_derived_at, toDateTime64(0, 6, 'UTC')) AS derived_at
FROM
(
    SELECT
        n.hour AS hour,
        max(n.touched_at) AS last_touched_at
    FROM touched_hours AS n
    WHERE n.hour >= now('UTC') - INTERVAL {retention_days} DAY
    GROUP BY n.hour
) AS t
LEFT JOIN
(
    SELECT
        l.hour AS hour,
        max(l.derived_at) AS last_derived_at
    FROM session_spend_log AS l
    WHERE l.is_mark
    GROUP BY l.hour
) AS d ON d.hour = t.hour
WHERE t.last_touched_at >= ifNull(d.last_derived_at, toDateTime64(0, 6, 'UTC')) - INTERVAL 60 SECOND
ORDER BY
    derived_at,
    hour
LIMIT 240
COMMENT 'Hours to derive next, the longest neglected first';

CREATE VIEW IF NOT EXISTS session_spend_derivation {on_cluster} AS
SELECT
    *,
    now64(6, 'UTC') AS derived_at
FROM
(
    SELECT
        false AS is_mark,
        toStartOfHour(c.started_at) AS hour,
        c.environment AS environment,
        c.tenant AS tenant,
        c.session_id AS session_id,
        c.feature AS feature,
        argMax(c.team, c.started_at) AS team,
        argMax(c.user_id, c.started_at) AS user_id,
        argMax(c.agent, c.started_at) AS agent,
        argMax(c.service_name, c.started_at) AS service_name,
        min(c.started_at) AS first_started_at,
        max(c.started_at) AS last_started_at,
        sumIf(c.duration_ns, c.correction_id = '') AS duration_ns,
        toInt64(countIf(c.correction_id = '')) AS calls,
        toInt64(countIf(c.correction_id = '' AND c.error_type != '')) AS errors,
        toInt64(countIf(c.correction_id = '' AND c.list_cost IS NULL)) AS unpriced_calls,
        toInt64(countIf(c.correction_id = '' AND c.attempt_kind != 'first')) AS retries,
        sum(c.input_tokens) AS input_tokens,
        sum(c.cache_read_tokens) AS cache_read_tokens,
        sum(c.cache_write_5m_tokens) AS cache_write_5m_tokens,
        sum(c.cache_write_1h_tokens) AS cache_write_1h_tokens,
        sum(c.output_tokens) AS output_tokens,
        sum(c.reasoning_tokens) AS reasoning_tokens,
        sum(c.list_cost) AS list_cost,
        sum(c.effective_cost) AS effective_cost
    FROM llm_calls_log AS c
    FINAL
    WHERE toStartOfHour(c.started_at) IN (SELECT due.hour FROM session_spend_due AS due)
        AND c.session_id != ''
    GROUP BY
        hour,
        environment,
        tenant,
        session_id,
        feature
    UNION ALL
    SELECT
        true AS is_mark,
        due.hour AS hour,
        nothing.* EXCEPT (is_mark, hour, derived_at)
    FROM session_spend_due AS due
    LEFT JOIN
    (
        SELECT *
        FROM session_spend_log
        WHERE false
    ) AS nothing ON nothing.hour = due.hour
)
COMMENT 'What sessions cost in the due hours, as of now: the text that the owner and the refreshed view both run';

CREATE VIEW IF NOT EXISTS session_spend_hourly {on_cluster} AS
SELECT * EXCEPT (is_mark)
FROM session_spend_log
FINAL
WHERE NOT is_mark
    AND (hour, derived_at) IN
(
    SELECT
        l.hour,
        max(l.derived_at)
    FROM session_spend_log AS l
    WHERE l.is_mark
    GROUP BY l.hour
)
COMMENT 'The part of each session that falls into each hour: the fast way to the sessions of a few days';

CREATE VIEW IF NOT EXISTS session_spend {on_cluster} AS
SELECT
    h.environment AS environment,
    h.tenant AS tenant,
    h.session_id AS session_id,
    h.feature AS feature,
    argMax(h.team, h.last_started_at) AS team,
    argMax(h.user_id, h.last_started_at) AS user_id,
    argMax(h.agent, h.last_started_at) AS agent,
    argMax(h.service_name, h.last_started_at) AS service_name,
    min(h.first_started_at) AS first_started_at,
    max(h.last_started_at) AS last_started_at,
    sum(h.calls) AS calls,
    sum(h.errors) AS errors,
    sum(h.unpriced_calls) AS unpriced_calls,
    sum(h.retries) AS retries,
    sum(h.duration_ns) AS duration_ns,
    sum(h.input_tokens) AS input_tokens,
    sum(h.cache_read_tokens) AS cache_read_tokens,
    sum(h.cache_write_5m_tokens) AS cache_write_5m_tokens,
    sum(h.cache_write_1h_tokens) AS cache_write_1h_tokens,
    sum(h.output_tokens) AS output_tokens,
    sum(h.reasoning_tokens) AS reasoning_tokens,
    sum(h.list_cost) AS list_cost,
    sum(h.effective_cost) AS effective_cost
FROM session_spend_hourly AS h
GROUP BY
    environment,
    tenant,
    session_id,
    feature
COMMENT 'What each session cost, one row a session and feature';
