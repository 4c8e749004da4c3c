-- Why: as 0006, for the rollups that came after it. A day is read whole to be derived, so days are derived every five
--      minutes, one table a minute; what has to be fresher is asked of spend_hourly.
-- Only: server (an embedded engine runs only while its owner does, and the owner derives by its own call)
-- Mutation: no. Safe to re-run: yes.
-- Undo: DROP TABLE request_attempts_log_mv; DROP TABLE spend_daily_log_mv; DROP TABLE tenant_spend_daily_log_mv;
--       DROP TABLE prompt_shape_daily_log_mv; DROP TABLE spend_by_tag_daily_log_mv.
CREATE MATERIALIZED VIEW IF NOT EXISTS request_attempts_log_mv {on_cluster}
REFRESH EVERY 20 SECOND APPEND TO request_attempts_log AS
SELECT *
FROM request_attempts_derivation
SETTINGS
    min_insert_block_size_rows = 1000000000000,
    min_insert_block_size_bytes = 0,
    max_insert_threads = 1,
    enable_shared_storage_snapshot_in_query = 1,
    join_use_nulls = 0,
    max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS spend_daily_log_mv {on_cluster}
REFRESH EVERY 5 MINUTE APPEND TO spend_daily_log AS
SELECT *
FROM spend_daily_derivation
SETTINGS
    min_insert_block_size_rows = 1000000000000,
    min_insert_block_size_bytes = 0,
    max_insert_threads = 1,
    enable_shared_storage_snapshot_in_query = 1,
    join_use_nulls = 0,
    max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS tenant_spend_daily_log_mv {on_cluster}
REFRESH EVERY 5 MINUTE OFFSET 1 MINUTE APPEND TO tenant_spend_daily_log AS
SELECT *
FROM tenant_spend_daily_derivation
SETTINGS
    min_insert_block_size_rows = 1000000000000,
    min_insert_block_size_bytes = 0,
    max_insert_threads = 1,
    enable_shared_storage_snapshot_in_query = 1,
    join_use_nulls = 0,
    max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS prompt_shape_daily_log_mv {on_cluster}
REFRESH EVERY 5 MINUTE OFFSET 2 MINUTE APPEND TO prompt_shape_daily_log AS
SELECT *
FROM prompt_shape_daily_derivation
SETTINGS
    min_insert_block_size_rows = 1000000000000,
    min_insert_block_size_bytes = 0,
    max_insert_threads = 1,
    enable_shared_storage_snapshot_in_query = 1,
    join_use_nulls = 0,
    max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS spend_by_tag_daily_log_mv {on_cluster}
REFRESH EVERY 5 MINUTE OFFSET 3 MINUTE APPEND TO spend_by_tag_daily_log AS
SELECT *
FROM spend_by_tag_daily_derivation
SETTINGS
    min_insert_block_size_rows = 1000000000000,
    min_insert_block_size_bytes = 0,
    max_insert_threads = 1,
    enable_shared_storage_snapshot_in_query = 1,
    join_use_nulls = 0,
    max_partitions_per_insert_block = 0;
