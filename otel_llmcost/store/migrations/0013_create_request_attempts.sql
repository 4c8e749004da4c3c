-- Why: what one user action took: how many calls, which of them retries or fallbacks, how many of them the same request
--      again, and what they cost together. A retry loop in which every call succeeds shows here and nowhere else. An
--      action may last over the end of an hour, so each hour holds its own part of it, as with sessions.
-- Mutation: no. Safe to re-run: yes.
-- Undo: DROP VIEW request_attempts; DROP VIEW request_attempts_hourly;
--       DROP VIEW request_attempts_derivation; DROP VIEW request_attempts_due; DROP TABLE request_attempts_log.
CREATE TABLE IF NOT EXISTS request_attempts_log {on_cluster}
(
    is_mark Bool COMMENT 'True for the row that says that the hour was derived, even where it has no calls' CODEC(ZSTD(1)),
    hour DateTime('UTC') COMMENT 'Start of the hour in which the calls started' CODEC(ZSTD(1)),
    environment LowCardinality(String) COMMENT 'Where it ran' CODEC(ZSTD(1)),
    tenant LowCardinality(String) COMMENT 'The customer on whose behalf' CODEC(ZSTD(1)),
    feature LowCardinality(String) COMMENT 'The product feature that pays; empty means unattributed' CODEC(ZSTD(1)),
    request_id String COMMENT 'The user action' CODEC(ZSTD(1)),
    team LowCardinality(String) COMMENT 'The team that answers for it; of the last call of the hour' CODEC(ZSTD(1)),
    session_id String COMMENT 'The conversation or run; of the last call of the hour' CODEC(ZSTD(1)),
    parent_request_id String COMMENT 'The user action that caused this one; of the last call of the hour' CODEC(ZSTD(1)),
    agent LowCardinality(String) COMMENT 'The agent that called; of the last call of the hour' CODEC(ZSTD(1)),
    first_started_at DateTime64(9, 'UTC') COMMENT 'Start of the first call of the hour' CODEC(T64, ZSTD(1)),
    last_started_at DateTime64(9, 'UTC') COMMENT 'Start of the last call of the hour' CODEC(T64, ZSTD(1)),
    duration_ns Int64 COMMENT 'Nanoseconds spent in calls' CODEC(T64, ZSTD(1)),
    calls Int64 COMMENT 'Calls; corrections are not counted' CODEC(T64, ZSTD(1)),
    errors Int64 COMMENT 'Calls that failed' CODEC(T64, ZSTD(1)),
    unpriced_calls Int64 COMMENT 'Calls whose list_cost is unknown, and was not found by a correction either' CODEC(T64, ZSTD(1)),
    retries Int64 COMMENT 'Calls that were not the first attempt of their user action' CODEC(T64, ZSTD(1)),
    fallbacks Int64 COMMENT 'Calls that tried another model' CODEC(T64, ZSTD(1)),
    hedges Int64 COMMENT 'Calls that were sent beside another one' CODEC(T64, ZSTD(1)),
    resends Int64 COMMENT 'Retries inside SDKs, which are no calls of their own' CODEC(T64, ZSTD(1)),
    models Array(LowCardinality(String)) COMMENT 'The models that answered, at most 16' CODEC(ZSTD(1)),
    attempt_reasons Array(LowCardinality(String)) COMMENT 'Why attempts before were not enough, at most 16' CODEC(ZSTD(1)),
    request_hashes Array(UInt64) COMMENT 'The distinct requests, each as a hash of its request_hash, at most 256' CODEC(ZSTD(1)),
    input_tokens Int64 COMMENT 'All input tokens, cached ones and every modality included' CODEC(T64, ZSTD(1)),
    output_tokens Int64 COMMENT 'All generated tokens, reasoning and every modality included' CODEC(T64, ZSTD(1)),
    list_cost Nullable(Decimal(38, 12)) COMMENT 'USD at published prices of the calls that have a price; NULL where none has' CODEC(ZSTD(1)),
    effective_cost Nullable(Decimal(38, 12)) COMMENT 'USD after negotiated prices, likewise' CODEC(ZSTD(1)),
    retry_list_cost Nullable(Decimal(38, 12)) COMMENT 'The part of list_cost that went to retries, fallbacks and hedges' CODEC(ZSTD(1)),
    derived_at DateTime64(6, 'UTC') COMMENT 'When this derivation of the hour began; only the newest one counts' CODEC(ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(derived_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (is_mark, hour, environment, tenant, feature, request_id)
COMMENT 'Derivations of the hourly parts of user actions, old ones included: read request_attempts instead';

CREATE VIEW IF NOT EXISTS request_attempts_due {on_cluster} AS
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
    WHERE n.hour >= (SELECT s.since FROM derivable_since AS s)
    GROUP BY hour
) AS t
LEFT JOIN
(
    SELECT
        l.hour AS hour,
        max(l.derived_at) AS last_derived_at
    FROM request_attempts_log AS l
    WHERE l.is_mark
    GROUP BY l.hour
) AS d ON d.hour = t.hour
WHERE t.last_touched_at >= ifNull(d.last_derived_at, toDateTime64(0, 6, 'UTC')) - INTERVAL 60 SECOND
ORDER BY
    derived_at,
    hour
LIMIT 240
COMMENT 'Hours to derive next, the longest neglected first';

CREATE VIEW IF NOT EXISTS request_attempts_derivation {on_cluster} AS
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
        c.feature AS feature,
        c.request_id AS request_id,
        argMax(c.team, c.started_at) AS team,
        argMax(c.session_id, c.started_at) AS session_id,
        argMax(c.parent_request_id, c.started_at) AS parent_request_id,
        argMax(c.agent, c.started_at) AS agent,
        min(c.started_at) AS first_started_at,
        max(c.started_at) AS last_started_at,
        sumIf(c.duration_ns, c.correction_id = '') AS duration_ns,
        toInt64(countIf(c.correction_id = '')) AS calls,
        toInt64(countIf(c.correction_id = '' AND c.error_type != '')) AS errors,
        toInt64(countIf(c.correction_id = '' AND c.list_cost IS NULL)) - sum(c.newly_priced) AS unpriced_calls,
        toInt64(countIf(c.correction_id = '' AND c.attempt_kind != 'first')) AS retries,
        toInt64(countIf(c.correction_id = '' AND c.attempt_kind = 'fallback')) AS fallbacks,
        toInt64(countIf(c.correction_id = '' AND c.attempt_kind = 'hedge')) AS hedges,
        sum(c.resend_count) AS resends,
        groupUniqArray(16)(if(c.response_model = '', c.request_model, c.response_model)) AS models,
        groupUniqArrayIf(16)(c.attempt_reason, c.attempt_reason != '') AS attempt_reasons,
        groupUniqArrayIf(256)(cityHash64(c.request_hash), c.request_hash != '') AS request_hashes,
        sum(c.input_tokens) AS input_tokens,
        sum(c.output_tokens) AS output_tokens,
        sum(c.list_cost) AS list_cost,
        sum(c.effective_cost) AS effective_cost,
        sumIf(c.list_cost, c.attempt_kind != 'first') AS retry_list_cost
    FROM llm_calls_log AS c
    FINAL
    WHERE toStartOfHour(c.started_at) IN (SELECT due.hour FROM request_attempts_due AS due)
        AND c.request_id != ''
    GROUP BY
        hour,
        environment,
        tenant,
        feature,
        request_id
    UNION ALL
    SELECT
        true AS is_mark,
        due.hour AS hour,
        nothing.* EXCEPT (is_mark, hour, derived_at)
    FROM request_attempts_due AS due
    LEFT JOIN
    (
        SELECT *
        FROM request_attempts_log
        WHERE false
    ) AS nothing ON nothing.hour = due.hour
)
COMMENT 'What user actions took in the due hours, as of now: the text that the owner and the refreshed view both run';

CREATE VIEW IF NOT EXISTS request_attempts_hourly {on_cluster} AS
SELECT * EXCEPT (is_mark)
FROM request_attempts_log
FINAL
WHERE NOT is_mark
    AND (hour, derived_at) IN
(
    SELECT
        l.hour,
        max(l.derived_at)
    FROM request_attempts_log AS l
    WHERE l.is_mark
    GROUP BY l.hour
)
COMMENT 'The part of each user action that falls into each hour: the fast way to the actions of a few days';

CREATE VIEW IF NOT EXISTS request_attempts {on_cluster} AS
SELECT
    h.environment AS environment,
    h.tenant AS tenant,
    h.feature AS feature,
    h.request_id AS request_id,
    argMax(h.team, h.last_started_at) AS team,
    argMax(h.session_id, h.last_started_at) AS session_id,
    argMax(h.parent_request_id, h.last_started_at) AS parent_request_id,
    argMax(h.agent, h.last_started_at) AS agent,
    min(h.first_started_at) AS first_started_at,
    max(h.last_started_at) AS last_started_at,
    sum(h.duration_ns) AS duration_ns,
    sum(h.calls) AS calls,
    sum(h.errors) AS errors,
    sum(h.unpriced_calls) AS unpriced_calls,
    sum(h.retries) AS retries,
    sum(h.fallbacks) AS fallbacks,
    sum(h.hedges) AS hedges,
    sum(h.resends) AS resends,
    arraySort(groupUniqArrayArray(16)(h.models)) AS models,
    arraySort(groupUniqArrayArray(16)(h.attempt_reasons)) AS attempt_reasons,
    toInt64(length(groupUniqArrayArray(256)(h.request_hashes))) AS distinct_requests,
    sum(h.input_tokens) AS input_tokens,
    sum(h.output_tokens) AS output_tokens,
    sum(h.list_cost) AS list_cost,
    sum(h.effective_cost) AS effective_cost,
    sum(h.retry_list_cost) AS retry_list_cost
FROM request_attempts_hourly AS h
GROUP BY
    environment,
    tenant,
    feature,
    request_id
COMMENT 'What each user action took, one row an action and feature: its calls, retries, fallbacks, and its cost';

ALTER TABLE request_attempts {on_cluster}
    COMMENT COLUMN distinct_requests 'How many of its requests were distinct, by request_hash, at most 256; fewer than its calls means that the same was asked again';
