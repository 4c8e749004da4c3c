-- Why: a correction may give a call its first price, and then the call is no longer unpriced. The adjust row says so,
--      signed like its money, so that the number of unpriced calls is a sum too. The index finds the few corrections
--      among many calls.
-- Mutation: no (the column is empty in old parts; the index covers new ones). Safe to re-run: yes.
-- Undo: run the views of 0008, 0004 and 0005 again; ALTER TABLE llm_calls_log DROP INDEX by_correction, DROP COLUMN newly_priced.
ALTER TABLE llm_calls_log {on_cluster}
    ADD COLUMN IF NOT EXISTS newly_priced Int8 COMMENT '1 on an adjust row that gives a call its first price, -1 where it takes the price away, else 0' CODEC(T64, ZSTD(1)) AFTER correction_reason,
    ADD INDEX IF NOT EXISTS by_correction correction_id TYPE set(2) GRANULARITY 1;

CREATE OR REPLACE VIEW llm_calls {on_cluster} AS
SELECT
    * EXCEPT (precedence, is_retelling, verdicts),
    received_at
FROM llm_calls_log
FINAL
COMMENT 'One row a call, and one for each correction of it: count calls where correction_id is empty, sum costs over all';

CREATE OR REPLACE VIEW spend_hourly_derivation {on_cluster} AS
SELECT
    *,
    now64(6, 'UTC') AS derived_at
FROM
(
    SELECT
        false AS is_mark,
        toStartOfHour(c.started_at) AS hour,
        c.feature AS feature,
        c.team AS team,
        c.environment AS environment,
        c.tenant AS tenant,
        c.workload AS workload,
        c.agent AS agent,
        c.service_name AS service_name,
        c.provider AS provider,
        if(c.response_model = '', c.request_model, c.response_model) AS response_model,
        c.operation AS operation,
        toInt64(countIf(c.correction_id = '')) AS calls,
        toInt64(countIf(c.correction_id = '' AND c.error_type != '')) AS errors,
        toInt64(countIf(c.correction_id = '' AND c.list_cost IS NULL)) - sum(c.newly_priced) AS unpriced_calls,
        toInt64(countIf(c.correction_id = '' AND c.attempt_kind != 'first')) AS retries,
        sum(c.input_tokens) AS input_tokens,
        sum(c.cache_read_tokens) AS cache_read_tokens,
        sum(c.cache_write_5m_tokens) AS cache_write_5m_tokens,
        sum(c.cache_write_1h_tokens) AS cache_write_1h_tokens,
        sum(c.input_audio_tokens) AS input_audio_tokens,
        sum(c.input_image_tokens) AS input_image_tokens,
        sum(c.input_video_tokens) AS input_video_tokens,
        sum(c.cache_read_audio_tokens) AS cache_read_audio_tokens,
        sum(c.cache_read_image_tokens) AS cache_read_image_tokens,
        sum(c.cache_read_video_tokens) AS cache_read_video_tokens,
        sum(c.output_tokens) AS output_tokens,
        sum(c.reasoning_tokens) AS reasoning_tokens,
        sum(c.output_audio_tokens) AS output_audio_tokens,
        sum(c.output_image_tokens) AS output_image_tokens,
        sum(c.output_video_tokens) AS output_video_tokens,
        sum(c.web_search) AS web_search,
        sum(c.grounded_prompt) AS grounded_prompt,
        sum(c.grounded_query) AS grounded_query,
        sum(c.file_search) AS file_search,
        sum(c.code_session) AS code_session,
        sum(c.audio_second) AS audio_second,
        sum(c.image) AS image,
        sum(c.page) AS page,
        sum(c.request) AS request,
        sum(c.list_cost) AS list_cost,
        sum(c.effective_cost) AS effective_cost
    FROM llm_calls_log AS c
    FINAL
    WHERE toStartOfHour(c.started_at) IN (SELECT due.hour FROM spend_hourly_due AS due)
    GROUP BY
        hour,
        feature,
        team,
        environment,
        tenant,
        workload,
        agent,
        service_name,
        provider,
        response_model,
        operation
    UNION ALL
    SELECT
        true AS is_mark,
        due.hour AS hour,
        nothing.* EXCEPT (is_mark, hour, derived_at)
    FROM spend_hourly_due AS due
    LEFT JOIN
    (
        SELECT *
        FROM spend_hourly_log
        WHERE false
    ) AS nothing ON nothing.hour = due.hour
)
COMMENT 'What the due hours cost, as of now: the text that the owner and the refreshed view both run';

CREATE OR REPLACE VIEW session_spend_derivation {on_cluster} AS
SELECT
    *,
    now64(6, 'UTC') AS derived_at
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
        sum(c.effective_cost) AS effective_cost
    FROM llm_calls_log AS c
    FINAL
    WHERE toStartOfHour(c.started_at) IN (SELECT due.hour FROM session_spend_due AS due)
        AND c.session_id != ''
    GROUP BY
        hour,
        environment,
        tenant,
        session_id,
        feature
    UNION ALL
    SELECT
        true AS is_mark,
        due.hour AS hour,
        nothing.* EXCEPT (is_mark, hour, derived_at)
    FROM session_spend_due AS due
    LEFT JOIN
    (
        SELECT *
        FROM session_spend_log
        WHERE false
    ) AS nothing ON nothing.hour = due.hour
)
COMMENT 'What sessions cost in the due hours, as of now: the text that the owner and the refreshed view both run';
