-- Why: some providers tell what a call cost. Kept beside our own price: it is the price where no rate is known, and the
--      check of it where one is.
-- Mutation: no. Safe to re-run: yes. Undo: ALTER TABLE llm_calls_log DROP COLUMN reported_cost; recreate llm_calls.
ALTER TABLE llm_calls_log {on_cluster}
    ADD COLUMN IF NOT EXISTS reported_cost Nullable(Decimal(18, 12)) COMMENT 'USD that the provider says the call cost; NULL where it does not say' CODEC(T64, ZSTD(1)) AFTER effective_cost;

CREATE OR REPLACE VIEW llm_calls {on_cluster} AS
SELECT
    * EXCEPT (precedence),
    received_at
FROM llm_calls_log
FINAL
COMMENT 'One row a call, and one for each correction of it: count calls where correction_id is empty, sum costs over all';
