-- Why: as 0019 and 0021, for the rollup that came after them. With eight of them a rest is 160 times as long as the work.
-- Only: server (an embedded engine derives by its owner's call, and the owner rests by itself)
-- Mutation: no. Safe to re-run: yes.
-- Undo: DROP TABLE dearest_calls_derivations_mv; DROP TABLE dearest_calls_log_mv; the view resting of 0021.
CREATE OR REPLACE VIEW resting {on_cluster} AS
SELECT
    d.name AS name,
    d.derived_at + toIntervalMicrosecond(160 * dateDiff('microsecond', d.derived_at, d.derived_until)) AS rests_until
FROM derivations AS d
FINAL
WHERE rests_until > now64(6, 'UTC')
COMMENT 'Rollups that a server does not derive by itself at the moment, since that took so long the last time';

ALTER TABLE resting {on_cluster}
    COMMENT COLUMN name 'The rollup',
    COMMENT COLUMN rests_until 'When it is derived again';

CREATE MATERIALIZED VIEW IF NOT EXISTS dearest_calls_derivations_mv {on_cluster} TO derivations AS
SELECT
    'dearest_calls' AS name,
    max(l.derived_at) AS derived_at,
    max(nowInBlock64(6, 'UTC')) AS derived_until
FROM dearest_calls_log AS l
WHERE l.is_mark
GROUP BY name;

CREATE MATERIALIZED VIEW IF NOT EXISTS dearest_calls_log_mv {on_cluster}
REFRESH EVERY 5 MINUTE OFFSET 4 MINUTE APPEND TO dearest_calls_log AS
SELECT *
FROM dearest_calls_derivation
WHERE 'dearest_calls' NOT IN (SELECT r.name FROM resting AS r)
SETTINGS
    min_insert_block_size_rows = 1000000000000,
    min_insert_block_size_bytes = 0,
    max_insert_threads = 1,
    enable_shared_storage_snapshot_in_query = 1,
    join_use_nulls = 0,
    max_partitions_per_insert_block = 0;
