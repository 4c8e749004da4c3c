-- Why: most sessions lie within an hour, yet each question about sessions had to add up the parts of all of them by their
--      names first. A part now says whether it is the whole session. It is, until another part of the session is
--      derived, which then says so of both: it writes the other part once more, as of the same derivation.
--      What was derived before says no until its hour is touched again, and is added up as it was.
--      Costs are unpacked faster in their new codec, and take no more room.
-- Mutation: no. Safe to re-run: yes.
-- Undo: the derivation of 0022; DROP COLUMN of the two; the view of 0005; CODEC(ZSTD(1)) of both costs.
ALTER TABLE session_spend_log {on_cluster}
    ADD COLUMN IF NOT EXISTS session_hash UInt64 DEFAULT cityHash64(session_id) COMMENT 'A number for session_id, by which parts are added up faster than by name' CODEC(ZSTD(1)) AFTER effective_cost,
    ADD COLUMN IF NOT EXISTS is_whole Bool COMMENT 'True where no other row within 16 days is of the same session_id; false where one is, where that is not known, and on shards' CODEC(ZSTD(1)) AFTER session_hash,
    MODIFY COLUMN list_cost CODEC(GCD, LZ4),
    MODIFY COLUMN effective_cost CODEC(GCD, LZ4);

CREATE OR REPLACE VIEW session_spend_hourly {on_cluster} AS
SELECT * EXCEPT (is_mark)
FROM session_spend_log
FINAL
WHERE NOT is_mark
    AND (hour, derived_at) IN
(
    SELECT
        l.hour,
        max(l.derived_at)
    FROM session_spend_log AS l
    WHERE l.is_mark
    GROUP BY l.hour
)
COMMENT 'The part of each session that falls into each hour: the fast way to the sessions of a few days';

-- What other hours hold of the same sessions, old derivations included, is read beside the due hours, and told again, as
-- of the derivation that it had, where it was whole until now: among equal derived_at the row inserted last counts.
CREATE OR REPLACE VIEW session_spend_derivation {on_cluster} AS
WITH (SELECT mapFromArrays(groupArray(toString(k.environment)), groupArray(k.since)) FROM kept_since AS k) AS since_of
SELECT
    known.* EXCEPT (is_whole, derived_at, rows_of_session),
    known.is_whole AND known.rows_of_session = 1 AS is_whole,
    ifNull(known.derived_at, now64(6, 'UTC')) AS derived_at
FROM
(
    SELECT
        part.*,
        count() OVER (PARTITION BY part.is_mark, part.session_hash) AS rows_of_session
    FROM
    (
        SELECT
            false AS is_mark,
            toStartOfHour(c.started_at) AS hour,
            c.environment AS environment,
            c.tenant AS tenant,
            c.session_id AS session_id,
            c.feature AS feature,
            argMax(c.team, c.started_at) AS team,
            argMax(c.user_id, c.started_at) AS user_id,
            argMax(c.agent, c.started_at) AS agent,
            argMax(c.service_name, c.started_at) AS service_name,
            min(c.started_at) AS first_started_at,
            max(c.started_at) AS last_started_at,
            sumIf(c.duration_ns, c.correction_id = '') AS duration_ns,
            toInt64(countIf(c.correction_id = '')) AS calls,
            toInt64(countIf(c.correction_id = '' AND c.error_type != '')) AS errors,
            toInt64(countIf(c.correction_id = '' AND c.list_cost IS NULL)) - sum(c.newly_priced) AS unpriced_calls,
            toInt64(countIf(c.correction_id = '' AND c.attempt_kind != 'first')) AS retries,
            sum(c.input_tokens) AS input_tokens,
            sum(c.cache_read_tokens) AS cache_read_tokens,
            sum(c.cache_write_5m_tokens) AS cache_write_5m_tokens,
            sum(c.cache_write_1h_tokens) AS cache_write_1h_tokens,
            sum(c.output_tokens) AS output_tokens,
            sum(c.reasoning_tokens) AS reasoning_tokens,
            sum(c.list_cost) AS list_cost,
            sum(c.effective_cost) AS effective_cost,
            cityHash64(c.session_id) AS session_hash,
            {has_whole_sessions} AS is_whole,
            NULL AS derived_at
        FROM llm_calls_log AS c
        FINAL
        WHERE toStartOfHour(c.started_at) IN (SELECT due.hour FROM session_spend_due AS due)
            AND c.session_id != ''
            AND toStartOfHour(c.started_at) >= if(mapContains(since_of, toString(c.environment)), since_of[toString(c.environment)], since_of[''])
        GROUP BY
            hour,
            environment,
            tenant,
            session_id,
            feature
        UNION ALL
        SELECT
            false AS is_mark,
            kept.* REPLACE (NULL AS derived_at)
        FROM session_spend_hourly AS kept
        WHERE kept.hour IN (SELECT due.hour FROM session_spend_due AS due)
            AND kept.hour < if(mapContains(since_of, toString(kept.environment)), since_of[toString(kept.environment)], since_of[''])
        UNION ALL
        SELECT
            true AS is_mark,
            due.hour AS hour,
            nothing.* EXCEPT (is_mark, hour) REPLACE (NULL AS derived_at)
        FROM session_spend_due AS due
        LEFT JOIN
        (
            SELECT *
            FROM session_spend_log
            WHERE false
        ) AS nothing ON nothing.hour = due.hour
        UNION ALL
        SELECT *
        FROM session_spend_log
        WHERE NOT is_mark
            AND hour NOT IN (SELECT due.hour FROM session_spend_due AS due)
            AND hour >= (SELECT min(due.hour) FROM session_spend_due AS due) - INTERVAL 16 DAY
            AND hour <= (SELECT max(due.hour) FROM session_spend_due AS due) + INTERVAL 16 DAY
            AND session_hash IN
            (
                SELECT cityHash64(c.session_id)
                FROM llm_calls_log AS c
                WHERE toStartOfHour(c.started_at) IN (SELECT due.hour FROM session_spend_due AS due)
                    AND c.session_id != ''
            )
    ) AS part
) AS known
WHERE known.derived_at IS NULL
    OR known.is_whole
COMMENT 'What sessions cost in the due hours, as of now: the text that the owner and the refreshed view both run';
