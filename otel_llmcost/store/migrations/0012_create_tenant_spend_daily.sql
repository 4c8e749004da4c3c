-- Why: what one customer costs, and for which features: the tenant comes first in the key, so that a question about one
--      of thousands reads only that one.
-- Mutation: no. Safe to re-run: yes.
-- Undo: DROP VIEW tenant_spend_daily; DROP VIEW tenant_spend_daily_derivation; DROP VIEW tenant_spend_daily_due; DROP TABLE tenant_spend_daily_log.
CREATE TABLE IF NOT EXISTS tenant_spend_daily_log {on_cluster}
(
    is_mark Bool COMMENT 'True for the row that says that the day was derived, even where it has no calls' CODEC(ZSTD(1)),
    day Date COMMENT 'The day (UTC) on which the calls started' CODEC(ZSTD(1)),
    tenant LowCardinality(String) COMMENT 'The customer on whose behalf' CODEC(ZSTD(1)),
    feature LowCardinality(String) COMMENT 'The product feature that pays; empty means unattributed' CODEC(ZSTD(1)),
    team LowCardinality(String) COMMENT 'The team that answers for it' CODEC(ZSTD(1)),
    environment LowCardinality(String) COMMENT 'Where it ran' CODEC(ZSTD(1)),
    provider LowCardinality(String) COMMENT 'Who sells the model' CODEC(ZSTD(1)),
    response_model LowCardinality(String) COMMENT 'The model that answered, or the one asked for where none did' CODEC(ZSTD(1)),
    calls Int64 COMMENT 'Calls; corrections are not counted' CODEC(T64, ZSTD(1)),
    errors Int64 COMMENT 'Calls that failed' CODEC(T64, ZSTD(1)),
    unpriced_calls Int64 COMMENT 'Calls whose list_cost is unknown, and was not found by a correction either' CODEC(T64, ZSTD(1)),
    retries Int64 COMMENT 'Calls that were not the first attempt of their user action' CODEC(T64, ZSTD(1)),
    input_tokens Int64 COMMENT 'All input tokens, cached ones and every modality included' CODEC(T64, ZSTD(1)),
    cache_read_tokens Int64 COMMENT 'The part of input_tokens served from cache' CODEC(T64, ZSTD(1)),
    cache_write_5m_tokens Int64 COMMENT 'The part of input_tokens written to a short-lived cache' CODEC(T64, ZSTD(1)),
    cache_write_1h_tokens Int64 COMMENT 'The part of input_tokens written to a cache that lives for an hour' CODEC(T64, ZSTD(1)),
    output_tokens Int64 COMMENT 'All generated tokens, reasoning and every modality included' CODEC(T64, ZSTD(1)),
    reasoning_tokens Int64 COMMENT 'The part of output_tokens that was thought and not said' CODEC(T64, ZSTD(1)),
    list_cost Nullable(Decimal(38, 12)) COMMENT 'USD at published prices of the calls that have a price; NULL where none has' CODEC(ZSTD(1)),
    effective_cost Nullable(Decimal(38, 12)) COMMENT 'USD after negotiated prices, likewise' CODEC(ZSTD(1)),
    derived_at DateTime64(6, 'UTC') COMMENT 'When this derivation of the day began; only the newest one counts' CODEC(ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(derived_at)
PARTITION BY toYYYYMM(day)
ORDER BY (is_mark, tenant, day, feature, team, environment, provider, response_model)
COMMENT 'Derivations of spend by tenant and day, old ones included: read tenant_spend_daily instead';

CREATE VIEW IF NOT EXISTS tenant_spend_daily_due {on_cluster} AS
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
    FROM tenant_spend_daily_log AS l
    WHERE l.is_mark
    GROUP BY l.day
) AS d ON d.day = t.day
WHERE t.last_touched_at >= ifNull(d.last_derived_at, toDateTime64(0, 6, 'UTC')) - INTERVAL 60 SECOND
ORDER BY
    derived_at,
    day
LIMIT 7
COMMENT 'Days to derive next, the longest neglected first';

CREATE VIEW IF NOT EXISTS tenant_spend_daily_derivation {on_cluster} AS
SELECT
    *,
    now64(6, 'UTC') AS derived_at
FROM
(
    SELECT
        false AS is_mark,
        toDate(c.started_at) AS day,
        c.tenant AS tenant,
        c.feature AS feature,
        c.team AS team,
        c.environment AS environment,
        c.provider AS provider,
        if(c.response_model = '', c.request_model, c.response_model) AS response_model,
        toInt64(countIf(c.correction_id = '')) AS calls,
        toInt64(countIf(c.correction_id = '' AND c.error_type != '')) AS errors,
        toInt64(countIf(c.correction_id = '' AND c.list_cost IS NULL)) - sum(c.newly_priced) AS unpriced_calls,
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
    WHERE toStartOfHour(c.started_at) IN
        (
            SELECT arrayJoin(arrayMap(number -> toDateTime(due.day, 'UTC') + INTERVAL number HOUR, range(24)))
            FROM tenant_spend_daily_due AS due
        )
    GROUP BY
        day,
        tenant,
        feature,
        team,
        environment,
        provider,
        response_model
    UNION ALL
    SELECT
        true AS is_mark,
        due.day AS day,
        nothing.* EXCEPT (is_mark, day, derived_at)
    FROM tenant_spend_daily_due AS due
    LEFT JOIN
    (
        SELECT *
        FROM tenant_spend_daily_log
        WHERE false
    ) AS nothing ON nothing.day = due.day
)
COMMENT 'What tenants cost on the due days, as of now: the text that the owner and the refreshed view both run';

CREATE VIEW IF NOT EXISTS tenant_spend_daily {on_cluster} AS
SELECT * EXCEPT (is_mark)
FROM tenant_spend_daily_log
FINAL
WHERE NOT is_mark
    AND (day, derived_at) IN
(
    SELECT
        l.day,
        max(l.derived_at)
    FROM tenant_spend_daily_log AS l
    WHERE l.is_mark
    GROUP BY l.day
)
COMMENT 'Spend by tenant and day';
