-- Why: an hour is derived whole each time, so the more calls it has the longer that takes: at ten million calls an hour
--      a server that derives every 20 seconds does little else. Each rollup notes what its derivation took and then rests
--      140 times as long, so that all seven together take a twentieth of the time, however many calls there are.
-- Only: server (an embedded engine derives by its owner's call, and the owner rests by itself)
-- Mutation: no. Safe to re-run: yes.
-- Undo: for each rollup MODIFY QUERY to that of 0006 or 0019 and DROP TABLE <rollup>_derivations_mv; then DROP VIEW resting
--       and DROP TABLE derivations.
CREATE TABLE IF NOT EXISTS derivations {on_cluster}
(
    name LowCardinality(String) COMMENT 'The rollup that was derived',
    derived_at DateTime64(6, 'UTC') COMMENT 'When its newest derivation began',
    derived_until DateTime64(6, 'UTC') COMMENT 'When that was written'
)
ENGINE = {replicated}ReplacingMergeTree(derived_at)
ORDER BY name
COMMENT 'What the newest derivation of each rollup took';

CREATE VIEW IF NOT EXISTS resting {on_cluster} AS
SELECT
    d.name AS name,
    d.derived_at + toIntervalMicrosecond(140 * dateDiff('microsecond', d.derived_at, d.derived_until)) AS rests_until
FROM derivations AS d
FINAL
WHERE rests_until > now64(6, 'UTC')
COMMENT 'Rollups that a server does not derive by itself at the moment, since that took so long the last time';

ALTER TABLE resting {on_cluster}
    COMMENT COLUMN name 'The rollup',
    COMMENT COLUMN rests_until 'When it is derived again';

CREATE MATERIALIZED VIEW IF NOT EXISTS spend_hourly_derivations_mv {on_cluster} TO derivations AS
SELECT
    'spend_hourly' AS name,
    max(l.derived_at) AS derived_at,
    max(nowInBlock64(6, 'UTC')) AS derived_until
FROM spend_hourly_log AS l
WHERE l.is_mark
GROUP BY name;

ALTER TABLE spend_hourly_log_mv {on_cluster}
    MODIFY QUERY
SELECT *
FROM spend_hourly_derivation
WHERE 'spend_hourly' NOT IN (SELECT r.name FROM resting AS r)
SETTINGS
    min_insert_block_size_rows = 1000000000000,
    min_insert_block_size_bytes = 0,
    max_insert_threads = 1,
    enable_shared_storage_snapshot_in_query = 1,
    join_use_nulls = 0,
    max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS session_spend_derivations_mv {on_cluster} TO derivations AS
SELECT
    'session_spend' AS name,
    max(l.derived_at) AS derived_at,
    max(nowInBlock64(6, 'UTC')) AS derived_until
FROM session_spend_log AS l
WHERE l.is_mark
GROUP BY name;

ALTER TABLE session_spend_log_mv {on_cluster}
    MODIFY QUERY
SELECT *
FROM session_spend_derivation
WHERE 'session_spend' NOT IN (SELECT r.name FROM resting AS r)
SETTINGS
    min_insert_block_size_rows = 1000000000000,
    min_insert_block_size_bytes = 0,
    max_insert_threads = 1,
    enable_shared_storage_snapshot_in_query = 1,
    join_use_nulls = 0,
    max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS request_attempts_derivations_mv {on_cluster} TO derivations AS
SELECT
    'request_attempts' AS name,
    max(l.derived_at) AS derived_at,
    max(nowInBlock64(6, 'UTC')) AS derived_until
FROM request_attempts_log AS l
WHERE l.is_mark
GROUP BY name;

ALTER TABLE request_attempts_log_mv {on_cluster}
    MODIFY QUERY
SELECT *
FROM request_attempts_derivation
WHERE 'request_attempts' NOT IN (SELECT r.name FROM resting AS r)
SETTINGS
    min_insert_block_size_rows = 1000000000000,
    min_insert_block_size_bytes = 0,
    max_insert_threads = 1,
    enable_shared_storage_snapshot_in_query = 1,
    join_use_nulls = 0,
    max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS spend_daily_derivations_mv {on_cluster} TO derivations AS
SELECT
    'spend_daily' AS name,
    max(l.derived_at) AS derived_at,
    max(nowInBlock64(6, 'UTC')) AS derived_until
FROM spend_daily_log AS l
WHERE l.is_mark
GROUP BY name;

ALTER TABLE spend_daily_log_mv {on_cluster}
    MODIFY QUERY
SELECT *
FROM spend_daily_derivation
WHERE 'spend_daily' NOT IN (SELECT r.name FROM resting AS r)
SETTINGS
    min_insert_block_size_rows = 1000000000000,
    min_insert_block_size_bytes = 0,
    max_insert_threads = 1,
    enable_shared_storage_snapshot_in_query = 1,
    join_use_nulls = 0,
    max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS tenant_spend_daily_derivations_mv {on_cluster} TO derivations AS
SELECT
    'tenant_spend_daily' AS name,
    max(l.derived_at) AS derived_at,
    max(nowInBlock64(6, 'UTC')) AS derived_until
FROM tenant_spend_daily_log AS l
WHERE l.is_mark
GROUP BY name;

ALTER TABLE tenant_spend_daily_log_mv {on_cluster}
    MODIFY QUERY
SELECT *
FROM tenant_spend_daily_derivation
WHERE 'tenant_spend_daily' NOT IN (SELECT r.name FROM resting AS r)
SETTINGS
    min_insert_block_size_rows = 1000000000000,
    min_insert_block_size_bytes = 0,
    max_insert_threads = 1,
    enable_shared_storage_snapshot_in_query = 1,
    join_use_nulls = 0,
    max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS prompt_shape_daily_derivations_mv {on_cluster} TO derivations AS
SELECT
    'prompt_shape_daily' AS name,
    max(l.derived_at) AS derived_at,
    max(nowInBlock64(6, 'UTC')) AS derived_until
FROM prompt_shape_daily_log AS l
WHERE l.is_mark
GROUP BY name;

ALTER TABLE prompt_shape_daily_log_mv {on_cluster}
    MODIFY QUERY
SELECT *
FROM prompt_shape_daily_derivation
WHERE 'prompt_shape_daily' NOT IN (SELECT r.name FROM resting AS r)
SETTINGS
    min_insert_block_size_rows = 1000000000000,
    min_insert_block_size_bytes = 0,
    max_insert_threads = 1,
    enable_shared_storage_snapshot_in_query = 1,
    join_use_nulls = 0,
    max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS spend_by_tag_daily_derivations_mv {on_cluster} TO derivations AS
SELECT
    'spend_by_tag_daily' AS name,
    max(l.derived_at) AS derived_at,
    max(nowInBlock64(6, 'UTC')) AS derived_until
FROM spend_by_tag_daily_log AS l
WHERE l.is_mark
GROUP BY name;

ALTER TABLE spend_by_tag_daily_log_mv {on_cluster}
    MODIFY QUERY
SELECT *
FROM spend_by_tag_daily_derivation
WHERE 'spend_by_tag_daily' NOT IN (SELECT r.name FROM resting AS r)
SETTINGS
    min_insert_block_size_rows = 1000000000000,
    min_insert_block_size_bytes = 0,
    max_insert_threads = 1,
    enable_shared_storage_snapshot_in_query = 1,
    join_use_nulls = 0,
    max_partitions_per_insert_block = 0;
