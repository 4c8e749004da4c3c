-- Why: one call may be told several times: by us, by the SDK itself and by other instrumentations, each by a span of its
--      own. All tellings are kept; one of them is the call. The others are marked `is_retelling`, which the engine knows as
--      the sign of a row that FINAL leaves out, so that no view and no rollup has to think of them.
--      Engines cannot be altered, so the table is made anew over the same parts, which takes no time and copies nothing.
-- Mutation: no. Safe to re-run: yes. Rows that are written meanwhile are carried over by the second ATTACH.
-- Undo: the same way back, to ReplacingMergeTree(precedence), after deleting the rows where is_retelling.
ALTER TABLE llm_calls_log {on_cluster}
    ADD COLUMN IF NOT EXISTS dialect LowCardinality(String) COMMENT 'Who told it: empty for our own record, else the dialect in which a span or log record of others was read' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS input_semantics LowCardinality(String) COMMENT 'For a dialect: whether the told input held its cached part, and how that was known' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS is_retelling UInt8 COMMENT 'Whether another telling of the same call counts instead; FINAL leaves such a row out' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS verdicts UInt16 COMMENT 'How often is_retelling was decided anew; each time raises precedence by 2^50' CODEC(ZSTD(1)),
    MODIFY COLUMN received_at DateTime64(9, 'UTC') ALIAS fromUnixTimestamp64Nano(toInt64(18446744073709551615 - precedence + verdicts * 1125899906842624), 'UTC') COMMENT 'When the segment that held the row was received';

-- A run that was cut short has left a table whose rows may be in it alone.
CREATE TABLE IF NOT EXISTS llm_calls_log_next {on_cluster} AS llm_calls_log;

ALTER TABLE llm_calls_log {on_cluster}
    ATTACH PARTITION ALL FROM llm_calls_log_next;

DROP TABLE IF EXISTS llm_calls_log_next {on_cluster};

CREATE TABLE IF NOT EXISTS llm_calls_log_next {on_cluster} AS llm_calls_log
ENGINE = {replicated}ReplacingMergeTree(precedence, is_retelling)
PARTITION BY toYYYYMM(started_at)
ORDER BY (toStartOfHour(started_at), trace_id, span_id, correction_id)
TTL toDateTime(started_at) + INTERVAL {retention_days} DAY
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Every telling of a call and every correction as received, duplicates included: read llm_calls instead';

ALTER TABLE llm_calls_log_next {on_cluster}
    ATTACH PARTITION ALL FROM llm_calls_log;

EXCHANGE TABLES llm_calls_log AND llm_calls_log_next {on_cluster};

ALTER TABLE llm_calls_log {on_cluster}
    ATTACH PARTITION ALL FROM llm_calls_log_next;

DROP TABLE IF EXISTS llm_calls_log_next {on_cluster};

CREATE OR REPLACE VIEW llm_calls {on_cluster} AS
SELECT
    * EXCEPT (precedence, is_retelling, verdicts),
    received_at
FROM llm_calls_log
FINAL
COMMENT 'One row a call, and one for each correction of it: count calls where correction_id is empty, sum costs over all';

CREATE VIEW IF NOT EXISTS llm_tellings {on_cluster} AS
SELECT
    * EXCEPT (precedence, verdicts),
    received_at
FROM llm_calls_log
ORDER BY precedence DESC
LIMIT 1 BY
    trace_id,
    span_id,
    correction_id
COMMENT 'Every telling of every call, those that do not count too: to look into one trace, not to sum over';
