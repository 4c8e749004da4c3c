-- Why: who owns a feature, what it may spend and what a model costs belong beside what was spent, each with the time
--      from which it holds: a reorganisation today must not move last quarter's money.
-- Mutation: no. Safe to re-run: yes.
-- Undo: DROP VIEW features; DROP VIEW limits; DROP TABLE features_log; DROP TABLE limits_log; DROP TABLE rates.
CREATE TABLE IF NOT EXISTS features_log {on_cluster}
(
    feature LowCardinality(String) COMMENT 'The feature, as calls name it',
    effective_from Date COMMENT 'The first day on which this holds',
    family LowCardinality(String) COMMENT 'The feature without its version: summarize_email of summarize_email_v2',
    owner String COMMENT 'The person who answers for the cost',
    lead String COMMENT 'The engineering lead, to whom an anomaly of the feature goes',
    sponsor String COMMENT 'Who decides about the product, to whom an anomaly of the product goes',
    team LowCardinality(String) COMMENT 'The team that pays',
    cost_center LowCardinality(String) COMMENT 'Where the books put it',
    channel String COMMENT 'Where alerts go, such as #growth-alerts',
    runbook String COMMENT 'The page that says what to do',
    expected_model_tier LowCardinality(String) COMMENT 'small, medium or flagship: what the feature was approved for',
    expected_calls_per_request Nullable(Int64) COMMENT 'Calls that one user action takes when all is well; NULL where nobody said',
    shared_cost_rule LowCardinality(String) COMMENT 'How shared cost is split: overhead, calls, tokens or direct_cost; empty for the default',
    is_removed Bool COMMENT 'True where the feature is not in the catalogue from that day on',
    loaded_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When this was loaded; of one day the newest counts'
)
ENGINE = {replicated}ReplacingMergeTree({on_every_shard}loaded_at)
ORDER BY (feature, effective_from)
COMMENT 'The catalogue of features as it was loaded, older words included: read features instead';

CREATE VIEW IF NOT EXISTS features {on_cluster} AS
SELECT * EXCEPT (is_removed)
FROM
(
    SELECT
        f.*,
        leadInFrame(toNullable(f.effective_from)) OVER (
            PARTITION BY f.feature
            ORDER BY f.effective_from
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS effective_to
    FROM features_log AS f
    FINAL
)
WHERE NOT is_removed
COMMENT 'Who answers for each feature, in force from effective_from until the day before effective_to';

CREATE TABLE IF NOT EXISTS limits_log {on_cluster}
(
    scope LowCardinality(String) COMMENT 'What it limits: feature=search,environment=production; empty for everything',
    per LowCardinality(String) COMMENT 'For each of what it holds by itself: tenant, user, session, request; empty for all together',
    window LowCardinality(String) COMMENT 'Over which time: hour, day, week, month; empty for the life of a session or request',
    effective_from Date COMMENT 'The first day on which this holds',
    feature LowCardinality(String) COMMENT 'The feature of the scope; empty for all',
    team LowCardinality(String) COMMENT 'The team of the scope; empty for all',
    environment LowCardinality(String) COMMENT 'The environment of the scope; empty for all',
    tenant LowCardinality(String) COMMENT 'The tenant of the scope; empty for all',
    workload LowCardinality(String) COMMENT 'The workload of the scope; empty for all',
    agent LowCardinality(String) COMMENT 'The agent of the scope; empty for all',
    warn Nullable(Decimal(38, 12)) COMMENT 'USD at which somebody is told; NULL for never',
    cap Nullable(Decimal(38, 12)) COMMENT 'USD that are not to be passed; NULL for none',
    reason String COMMENT 'Why the limit is what it is',
    actor String COMMENT 'Who said so',
    is_removed Bool COMMENT 'True where there is no such limit from that day on',
    loaded_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When this was loaded; of one day the newest counts'
)
ENGINE = {replicated}ReplacingMergeTree({on_every_shard}loaded_at)
ORDER BY (scope, per, window, effective_from)
COMMENT 'Limits as they were loaded, older words included: read limits instead';

CREATE VIEW IF NOT EXISTS limits {on_cluster} AS
SELECT * EXCEPT (is_removed)
FROM
(
    SELECT
        l.*,
        leadInFrame(toNullable(l.effective_from)) OVER (
            PARTITION BY l.scope, l.per, l.window
            ORDER BY l.effective_from
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS effective_to
    FROM limits_log AS l
    FINAL
)
WHERE NOT is_removed
COMMENT 'What may be spent, in force from effective_from until the day before effective_to';

CREATE TABLE IF NOT EXISTS rates {on_cluster}
(
    rate_table_version LowCardinality(String) COMMENT 'The first 12 hex digits of the rate table''s sha256; as in llm_calls',
    overlay_version LowCardinality(String) COMMENT 'The same of the user''s own rates, of which this is one; empty for a published rate',
    rate_id LowCardinality(String) COMMENT 'The rate card; as in llm_calls',
    meter LowCardinality(String) COMMENT 'What the price is put on: input, output, cache_read, web_search, ...',
    above_input_tokens Int64 COMMENT 'The price holds for calls whose input is longer; 0 for every length',
    provider LowCardinality(String) COMMENT 'Who sells the model',
    model LowCardinality(String) COMMENT 'The model, as the rate table spells it',
    service_tier LowCardinality(String) COMMENT 'standard, batch, flex, priority, ...',
    region LowCardinality(String) COMMENT 'The places it is for; empty for the ordinary one, * for all others',
    effective_from Nullable(DateTime64(9, 'UTC')) COMMENT 'The first moment at which it is in force; NULL for ever since',
    effective_to Nullable(DateTime64(9, 'UTC')) COMMENT 'The first moment after it; NULL for until further notice',
    price Nullable(Decimal(38, 12)) COMMENT 'USD for `per` units; NULL where the meter has a price that is not known',
    per Int64 COMMENT 'The number of units that the price is for',
    source String COMMENT 'The page that publishes the price',
    upstream LowCardinality(String) COMMENT 'Who told us of it',
    loaded_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When it was loaded'
)
ENGINE = {replicated}ReplacingMergeTree({on_every_shard}loaded_at)
ORDER BY (rate_table_version, overlay_version, rate_id, meter, above_input_tokens)
COMMENT 'The rates of every table that priced calls here';

ALTER TABLE features {on_cluster}
    COMMENT COLUMN effective_to 'The first day on which it no longer holds; NULL for until further notice';

ALTER TABLE limits {on_cluster}
    COMMENT COLUMN effective_to 'The first day on which it no longer holds; NULL for until further notice';
