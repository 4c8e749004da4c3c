-- The rights of those who work with the ledger, to be run by an administrator of the server; safe to run again.
-- A user gets a role by: CREATE USER grafana IDENTIFIED BY '…'; GRANT llmcost_reader TO grafana;

-- Collectors and applications: they write calls, and read what they need to settle which telling of a call counts.
CREATE ROLE IF NOT EXISTS llmcost_writer {on_cluster};
GRANT {on_cluster} SELECT, INSERT ON {database}.* TO llmcost_writer;

-- Dashboards and people: they read, within limits that no question of theirs can lift, and neither can one of a reader who
-- sees one team only (below).
CREATE ROLE IF NOT EXISTS llmcost_reader {on_cluster};
CREATE ROLE IF NOT EXISTS llmcost_team_reader {on_cluster};
GRANT {on_cluster} SELECT ON {database}.* TO llmcost_reader;
-- For the alert that a disk fills up.
GRANT {on_cluster} SELECT ON system.disks TO llmcost_reader;
CREATE SETTINGS PROFILE IF NOT EXISTS llmcost_reader {on_cluster} SETTINGS
    readonly = 2 CONST,
    max_execution_time = 60 MAX 60,
    max_memory_usage = 8000000000 MAX 8000000000,
    max_rows_to_read = 2000000000 MAX 2000000000,
    max_result_rows = 1000000 MAX 1000000,
    distributed_product_mode = 'global'
    TO llmcost_reader, llmcost_team_reader;

-- Operators: migrations, repricing, erasing, retention, backups.
CREATE ROLE IF NOT EXISTS llmcost_admin {on_cluster};
GRANT {on_cluster} SELECT, INSERT, ALTER, CREATE, DROP, TRUNCATE, OPTIMIZE, BACKUP ON {database}.* TO llmcost_admin;
GRANT {on_cluster} SYSTEM VIEWS ON {database}.* TO llmcost_admin;
GRANT {on_cluster} SELECT, INSERT, ALTER, CREATE, DROP ON {database}_as_migrated.* TO llmcost_admin;
GRANT {on_cluster} TABLE ENGINE ON Atomic TO llmcost_admin;
GRANT {on_cluster} TABLE ENGINE ON ReplacingMergeTree TO llmcost_admin;
GRANT {on_cluster} TABLE ENGINE ON Memory TO llmcost_admin;

-- A reader who may see one team only gets this role instead of llmcost_reader, and so does a tenant, with `tenant`:
-- views are asked with the rights of whoever asks, so policies on the tables behind them hold. Rows that mark what was
-- derived hold no amounts and have to be seen. The last policies let everybody through whom no other restricts.
-- For a second team repeat all of this paragraph under names of its own, and grant its role to the profile above.
GRANT {on_cluster} SELECT ON {database}.llm_calls_log TO llmcost_team_reader;
GRANT {on_cluster} SELECT ON {database}.llm_calls TO llmcost_team_reader;
GRANT {on_cluster} SELECT ON {database}.spend_hourly_log TO llmcost_team_reader;
GRANT {on_cluster} SELECT ON {database}.spend_hourly TO llmcost_team_reader;
GRANT {on_cluster} SELECT ON {database}.spend_daily_log TO llmcost_team_reader;
GRANT {on_cluster} SELECT ON {database}.spend_daily TO llmcost_team_reader;
CREATE ROW POLICY IF NOT EXISTS llmcost_team {on_cluster} ON {database}.llm_calls_log
    USING team = 'growth' AS RESTRICTIVE TO llmcost_team_reader;
CREATE ROW POLICY IF NOT EXISTS llmcost_team {on_cluster} ON {database}.spend_hourly_log
    USING is_mark OR team = 'growth' AS RESTRICTIVE TO llmcost_team_reader;
CREATE ROW POLICY IF NOT EXISTS llmcost_team {on_cluster} ON {database}.spend_daily_log
    USING is_mark OR team = 'growth' AS RESTRICTIVE TO llmcost_team_reader;
CREATE ROW POLICY IF NOT EXISTS llmcost_everybody {on_cluster} ON {database}.llm_calls_log
    USING true TO ALL;
CREATE ROW POLICY IF NOT EXISTS llmcost_everybody {on_cluster} ON {database}.spend_hourly_log
    USING true TO ALL;
CREATE ROW POLICY IF NOT EXISTS llmcost_everybody {on_cluster} ON {database}.spend_daily_log
    USING true TO ALL;
