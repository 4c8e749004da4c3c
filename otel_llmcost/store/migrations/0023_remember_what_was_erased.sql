-- Why: a call of somebody who was erased may still wait in a segment, or be told once more by another library, and must
--      not come back. What is remembered of them are salted hashes: of the tenant or user, and of their calls' traces.
-- Mutation: no. Safe to re-run: yes. Undo: DROP VIEW erased; DROP TABLE erased_log.
CREATE TABLE IF NOT EXISTS erased_log {on_cluster}
(
    kind LowCardinality(String) COMMENT 'tenant or user; trace for a trace in which a call of theirs was; salt for what goes into every hash' CODEC(ZSTD(1)),
    subject String COMMENT 'Half of the sha256 of the salt, the kind, a colon and the name, in hex; the salt itself for a salt' CODEC(ZSTD(1)),
    erased_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'Calls that started before this are refused' CODEC(T64, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(erased_at)
ORDER BY (kind, subject)
TTL toDateTime(erased_at) + INTERVAL {retention_days} DAY DELETE WHERE kind = 'trace'
COMMENT 'Who and what was erased, by salted hashes: read erased instead';

CREATE VIEW IF NOT EXISTS erased {on_cluster} AS
SELECT *
FROM erased_log
FINAL
COMMENT 'Who and what was erased, by salted hashes: a writer refuses what they did before';
