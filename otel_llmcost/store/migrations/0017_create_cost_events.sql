-- Why: what happened around the money and is no call: an anomaly, a limit that was crossed, a release, a price or a
--      prompt that changed, a correction, an erasure, a month that was closed. Written once and kept.
-- Mutation: no. Safe to re-run: yes.
-- Undo: DROP VIEW cost_events; DROP TABLE cost_events_log; DROP VIEW closed_months; DROP TABLE closed_months_log.
CREATE TABLE IF NOT EXISTS cost_events_log {on_cluster}
(
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it happened' CODEC(T64, ZSTD(1)),
    kind LowCardinality(String) COMMENT 'anomaly, limit, release, prompt_change, price_change, correction, erasure, month_closed, ...' CODEC(ZSTD(1)),
    event_id String COMMENT 'Names the event for good: the same event told twice is one' CODEC(ZSTD(1)),
    severity LowCardinality(String) COMMENT 'info, warning or critical' CODEC(ZSTD(1)),
    feature LowCardinality(String) COMMENT 'The feature it is about; empty for none' CODEC(ZSTD(1)),
    team LowCardinality(String) COMMENT 'The team it is about' CODEC(ZSTD(1)),
    environment LowCardinality(String) COMMENT 'The environment it is about' CODEC(ZSTD(1)),
    tenant LowCardinality(String) COMMENT 'The tenant it is about' CODEC(ZSTD(1)),
    session_id String COMMENT 'The session it is about' CODEC(ZSTD(1)),
    request_id String COMMENT 'The user action it is about' CODEC(ZSTD(1)),
    trace_id String COMMENT 'The trace in which it can be seen' CODEC(ZSTD(1)),
    subject String COMMENT 'What it is about: a model, a prompt, a limit, a version' CODEC(ZSTD(1)),
    was String COMMENT 'What was usual, or held before' CODEC(ZSTD(1)),
    became String COMMENT 'What it is now' CODEC(ZSTD(1)),
    calls Int64 COMMENT 'Calls that belong to it' CODEC(T64, ZSTD(1)),
    list_cost Nullable(Decimal(38, 12)) COMMENT 'USD that it is about, at published prices; NULL where unknown or none' CODEC(ZSTD(1)),
    actor String COMMENT 'Who did it or saw it: a person, a job' CODEC(ZSTD(1)),
    reason String COMMENT 'Why, in a sentence' CODEC(ZSTD(1)),
    details Map(LowCardinality(String), String) COMMENT 'What else is known' CODEC(ZSTD(1)),
    recorded_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When it was written' CODEC(T64, ZSTD(1)),
    precedence UInt64 MATERIALIZED 18446744073709551615 - toUInt64(toUnixTimestamp64Micro(recorded_at)) COMMENT 'Of two tellings of one event the first wins' CODEC(T64, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (toStartOfHour(occurred_at), kind, event_id)
COMMENT 'Events as they were told, repeated tellings included: read cost_events instead';

CREATE VIEW IF NOT EXISTS cost_events {on_cluster} AS
SELECT *
FROM cost_events_log
FINAL
COMMENT 'What happened around the money and is no call';

CREATE TABLE IF NOT EXISTS closed_months_log {on_cluster}
(
    month Date COMMENT 'The first day of the month (UTC)',
    is_closed Bool COMMENT 'False where it was opened again',
    actor String COMMENT 'Who said so',
    reason String COMMENT 'Why',
    changed_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When this was said; the newest word counts'
)
ENGINE = {replicated}ReplacingMergeTree({on_every_shard}changed_at)
ORDER BY month
COMMENT 'Which months are closed, older words included: read closed_months instead';

CREATE VIEW IF NOT EXISTS closed_months {on_cluster} AS
SELECT
    month,
    actor,
    reason,
    changed_at
FROM closed_months_log
FINAL
WHERE is_closed
COMMENT 'Months whose books are closed: no call that began in them is corrected any more';
