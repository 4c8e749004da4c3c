-- Why: an answer that the application rejects is waste, whether or not another call makes up for it. The call itself says so,
--      so that its cost can be summed with its corrections.
-- Mutation: no. Safe to re-run: yes. Undo: ALTER TABLE llm_calls_log DROP COLUMN rejected; recreate both views.
ALTER TABLE llm_calls_log {on_cluster}
    ADD COLUMN IF NOT EXISTS rejected LowCardinality(String) COMMENT 'Why its answer was unusable, as the application said; empty where it was not rejected' CODEC(ZSTD(1)) AFTER attempt_reason;

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
