-- Why: a server derives by itself, so that rollups are fresh without anybody asking. The settings make one block of a
--      derivation: an hour then becomes visible whole or not at all, also when the server dies meanwhile.
-- Only: server (an embedded engine runs only while its owner does, and the owner derives by its own call)
-- Mutation: no. Safe to re-run: yes. Undo: DROP TABLE spend_hourly_log_mv; DROP TABLE session_spend_log_mv.
CREATE MATERIALIZED VIEW IF NOT EXISTS spend_hourly_log_mv {on_cluster}
REFRESH EVERY 20 SECOND APPEND TO spend_hourly_log AS
SELECT *
FROM spend_hourly_derivation
SETTINGS
    min_insert_block_size_rows = 1000000000000,
    min_insert_block_size_bytes = 0,
    max_insert_threads = 1,
    enable_shared_storage_snapshot_in_query = 1,
    join_use_nulls = 0,
    max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS session_spend_log_mv {on_cluster}
REFRESH EVERY 20 SECOND APPEND TO session_spend_log AS
SELECT *
FROM session_spend_derivation
SETTINGS
    min_insert_block_size_rows = 1000000000000,
    min_insert_block_size_bytes = 0,
    max_insert_threads = 1,
    enable_shared_storage_snapshot_in_query = 1,
    join_use_nulls = 0,
    max_partitions_per_insert_block = 0;
