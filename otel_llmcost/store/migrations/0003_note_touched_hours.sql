-- Why: a rollup is a function of the calls of an hour, so it is enough to know which hours have changed. This is a set:
--      a duplicate insert notes the same hour again and does no harm.
-- Mutation: no. Safe to re-run: yes. Undo: DROP TABLE touched_hours_mv; DROP TABLE touched_hours.
CREATE TABLE IF NOT EXISTS touched_hours {on_cluster}
(
    hour DateTime('UTC') COMMENT 'Start of the hour in which calls started',
    touched_at DateTime('UTC') COMMENT 'When a row of that hour was last written'
)
ENGINE = {replicated}ReplacingMergeTree(touched_at)
ORDER BY hour
COMMENT 'When each hour of llm_calls_log was last written';

-- nowInBlock and not now: a long INSERT ... SELECT has to date each block by itself.
CREATE MATERIALIZED VIEW IF NOT EXISTS touched_hours_mv {on_cluster} TO touched_hours AS
SELECT
    toStartOfHour(c.started_at) AS hour,
    max(nowInBlock('UTC')) AS touched_at
FROM llm_calls_log AS c
GROUP BY hour;
