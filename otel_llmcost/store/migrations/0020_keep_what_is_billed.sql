-- Why: some providers bill other counts than those that were consumed (Cohere's billed units). The columns of counts say
--      what was consumed, as the provider's answer and every other tool do; repricing needs what was billed, too.
-- Mutation: no. Safe to re-run: yes. Undo: ALTER TABLE llm_calls_log DROP COLUMN billed_counts; recreate both views.
ALTER TABLE llm_calls_log {on_cluster}
    ADD COLUMN IF NOT EXISTS billed_counts Map(LowCardinality(String), Int64) COMMENT 'What the provider bills, by the name of the count, where it says that this is not what was consumed; empty where it is' CODEC(ZSTD(1));

CREATE OR REPLACE VIEW llm_calls {on_cluster} AS
SELECT
    * EXCEPT (precedence, is_retelling, verdicts),
    received_at
FROM llm_calls_log
FINAL
COMMENT 'One row a call, and one for each correction of it: count calls where correction_id is empty, sum costs over all';

CREATE OR REPLACE VIEW llm_tellings {on_cluster} AS
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
