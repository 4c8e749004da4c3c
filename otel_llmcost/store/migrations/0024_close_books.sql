-- Why: the books of a closed month never change, while calls of that month may still come in late, and be erased. So closing
--      copies what the month cost; what came of earlier months since they were closed is booked in it as well.
--      A copy counts only once closed_months names its moment, so one that was cut short leaves nothing behind.
-- Mutation: no. Safe to re-run: yes. Undo: DROP VIEW books; DROP TABLE books_log.
CREATE TABLE IF NOT EXISTS books_log {on_cluster}
(
    booked_in Date COMMENT 'The month in whose books this stands, by its first day' CODEC(ZSTD(1)),
    month Date COMMENT 'The month in which the calls started (UTC): the same, or an earlier one that was closed before' CODEC(ZSTD(1)),
    feature LowCardinality(String) COMMENT 'The product feature that pays; empty means unattributed' CODEC(ZSTD(1)),
    team LowCardinality(String) COMMENT 'The team that answers for it' CODEC(ZSTD(1)),
    environment LowCardinality(String) COMMENT 'Where it ran' CODEC(ZSTD(1)),
    provider LowCardinality(String) COMMENT 'Who sells the model' CODEC(ZSTD(1)),
    response_model LowCardinality(String) COMMENT 'The model that answered, or the one asked for where none did' CODEC(ZSTD(1)),
    calls Int64 COMMENT 'Calls; negative where an earlier month has fewer than were booked' CODEC(T64, ZSTD(1)),
    unpriced_calls Int64 COMMENT 'Those of them whose cost was unknown' CODEC(T64, ZSTD(1)),
    list_cost Decimal(38, 12) COMMENT 'USD at published prices of the calls that had a price' CODEC(ZSTD(1)),
    effective_cost Decimal(38, 12) COMMENT 'USD after negotiated prices, likewise' CODEC(ZSTD(1)),
    closed_at DateTime64(6, 'UTC') COMMENT 'When the month was closed' CODEC(T64, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree
ORDER BY (booked_in, closed_at, month, feature, team, environment, provider, response_model)
COMMENT 'What was copied when months were closed, of closings that were taken back too: read books instead';

CREATE VIEW IF NOT EXISTS books {on_cluster} AS
SELECT *
FROM books_log
FINAL
WHERE (booked_in, closed_at) IN
(
    SELECT
        m.month,
        m.changed_at
    FROM closed_months AS m
)
COMMENT 'The books of closed months, which never change: sum by booked_in';
