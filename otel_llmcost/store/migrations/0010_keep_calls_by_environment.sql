-- Why: calls may be kept for a shorter time in one environment than in another, and the time may change. What was
--      derived from them stays: an hour of which some calls are gone must not be derived again.
-- Mutation: no. Safe to re-run: yes.
-- Undo: run the due views of 0004 and 0005 again; DROP VIEW derivable_since; DROP VIEW retention; DROP TABLE retention_log.
CREATE TABLE IF NOT EXISTS retention_log {on_cluster}
(
    environment LowCardinality(String) COMMENT 'Where the calls ran; empty for all that are not named',
    days UInt16 COMMENT 'Days for which calls are kept',
    is_set Bool COMMENT 'False where the environment has no time of its own any more',
    changed_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When this was said; the newest word counts'
)
ENGINE = {replicated}ReplacingMergeTree({on_every_shard}changed_at)
ORDER BY environment
COMMENT 'How long calls are kept, older words included: read retention instead';

CREATE VIEW IF NOT EXISTS retention {on_cluster} AS
SELECT
    environment,
    days,
    changed_at
FROM retention_log
FINAL
WHERE is_set
COMMENT 'How long calls are kept, by environment; without a row {retention_days} days';

CREATE VIEW IF NOT EXISTS derivable_since {on_cluster} AS
SELECT now('UTC') - toIntervalDay(if(count() = 0, {retention_days}, min(r.days))) AS since
FROM retention AS r
COMMENT 'Since when the calls of every environment are all there';

CREATE OR REPLACE VIEW spend_hourly_due {on_cluster} AS
SELECT
    t.hour AS hour,
    t.last_touched_at AS touched_at,
    ifNull(d.last_derived_at, toDateTime64(0, 6, 'UTC')) AS derived_at
FROM
(
    SELECT
        n.hour AS hour,
        max(n.touched_at) AS last_touched_at
    FROM touched_hours AS n
    WHERE n.hour >= (SELECT s.since FROM derivable_since AS s)
    GROUP BY n.hour
) AS t
LEFT JOIN
(
    SELECT
        l.hour AS hour,
        max(l.derived_at) AS last_derived_at
    FROM spend_hourly_log AS l
    WHERE l.is_mark
    GROUP BY l.hour
) AS d ON d.hour = t.hour
WHERE t.last_touched_at >= ifNull(d.last_derived_at, toDateTime64(0, 6, 'UTC')) - INTERVAL 60 SECOND
ORDER BY
    derived_at,
    hour
LIMIT 240
COMMENT 'Hours to derive next, the longest neglected first';

CREATE OR REPLACE VIEW session_spend_due {on_cluster} AS
SELECT
    t.hour AS hour,
    t.last_touched_at AS touched_at,
    ifNull(d.last_derived_at, toDateTime64(0, 6, 'UTC')) AS derived_at
FROM
(
    SELECT
        n.hour AS hour,
        max(n.touched_at) AS last_touched_at
    FROM touched_hours AS n
    WHERE n.hour >= (SELECT s.since FROM derivable_since AS s)
    GROUP BY n.hour
) AS t
LEFT JOIN
(
    SELECT
        l.hour AS hour,
        max(l.derived_at) AS last_derived_at
    FROM session_spend_log AS l
    WHERE l.is_mark
    GROUP BY l.hour
) AS d ON d.hour = t.hour
WHERE t.last_touched_at >= ifNull(d.last_derived_at, toDateTime64(0, 6, 'UTC')) - INTERVAL 60 SECOND
ORDER BY
    derived_at,
    hour
LIMIT 240
COMMENT 'Hours to derive next, the longest neglected first';
