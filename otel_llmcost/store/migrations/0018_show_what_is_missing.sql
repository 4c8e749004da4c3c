-- Why: the two lists that make the numbers better: calls that nobody named, and calls that have no price.
-- Mutation: no. Safe to re-run: yes. Undo: DROP VIEW unattributed; DROP VIEW unpriced.
CREATE VIEW IF NOT EXISTS unattributed {on_cluster} AS
SELECT *
FROM llm_calls
WHERE feature = ''
COMMENT 'Calls without a feature, and their corrections: call_site says where to name them';

-- GLOBAL, so that a cluster collects the few corrections once.
CREATE VIEW IF NOT EXISTS unpriced {on_cluster} AS
SELECT *
FROM llm_calls AS c
WHERE c.correction_id = ''
    AND c.list_cost IS NULL
    AND (c.trace_id, c.span_id) GLOBAL NOT IN
(
    SELECT
        a.trace_id,
        a.span_id
    FROM llm_calls AS a
    WHERE a.correction_id != ''
    GROUP BY
        a.trace_id,
        a.span_id
    HAVING sum(a.newly_priced) > 0
)
COMMENT 'Calls whose cost is unknown and that no correction has priced: price_detail says why';
