-- Why: calls of one environment may be kept for a shorter time than those of another. What was derived from them has to
--      stay when its hour is derived again for the others' sake (a late call, a correction), so an hour is derived from
--      the calls of the environments that are all there, and takes over what it said of the others.
--      An environment whose time was made longer still lacks what had gone before: complete_since remembers that.
-- Mutation: no. Safe to re-run: yes.
-- Undo: the views retention and derivable_since of 0010 and the derivations before this; DROP VIEW kept_since;
--       ALTER TABLE retention_log DROP COLUMN complete_since.
ALTER TABLE retention_log {on_cluster}
    ADD COLUMN IF NOT EXISTS complete_since DateTime('UTC') COMMENT 'Calls that started earlier had gone before this was said' AFTER days;

CREATE OR REPLACE VIEW retention {on_cluster} AS
SELECT
    environment,
    days,
    complete_since,
    changed_at
FROM retention_log
FINAL
WHERE is_set
COMMENT 'How long calls are kept, by environment; without a row {retention_days} days';

CREATE VIEW IF NOT EXISTS kept_since {on_cluster} AS
SELECT
    r.environment AS environment,
    greatest(now('UTC') - toIntervalDay(r.days), r.complete_since) AS since
FROM retention AS r
UNION ALL
SELECT
    '' AS environment,
    now('UTC') - toIntervalDay({retention_days}) AS since
WHERE (SELECT count() FROM retention AS r WHERE r.environment = '') = 0
COMMENT 'Since when the calls of an environment are all there; those that are not named go by the row without a name';

ALTER TABLE kept_since {on_cluster}
    COMMENT COLUMN environment 'The environment; empty for all that are not named',
    COMMENT COLUMN since 'The first moment from which on all its calls are there';

CREATE OR REPLACE VIEW derivable_since {on_cluster} AS
SELECT min(k.since) AS since
FROM kept_since AS k
COMMENT 'Since when the calls of some environment are all there: nothing older is derived any more';

CREATE OR REPLACE VIEW spend_hourly_derivation {on_cluster} AS
WITH (SELECT mapFromArrays(groupArray(toString(k.environment)), groupArray(k.since)) FROM kept_since AS k) AS since_of
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
        AND toStartOfHour(c.started_at) >= if(mapContains(since_of, toString(c.environment)), since_of[toString(c.environment)], since_of[''])
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
        false AS is_mark,
        kept.* EXCEPT (derived_at)
    FROM spend_hourly AS kept
    WHERE kept.hour IN (SELECT due.hour FROM spend_hourly_due AS due)
        AND kept.hour < if(mapContains(since_of, toString(kept.environment)), since_of[toString(kept.environment)], since_of[''])
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
WITH (SELECT mapFromArrays(groupArray(toString(k.environment)), groupArray(k.since)) FROM kept_since AS k) AS since_of
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
        kept.* EXCEPT (derived_at)
    FROM session_spend_hourly AS kept
    WHERE kept.hour IN (SELECT due.hour FROM session_spend_due AS due)
        AND kept.hour < if(mapContains(since_of, toString(kept.environment)), since_of[toString(kept.environment)], since_of[''])
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

CREATE OR REPLACE VIEW spend_daily_derivation {on_cluster} AS
WITH (SELECT mapFromArrays(groupArray(toString(k.environment)), groupArray(k.since)) FROM kept_since AS k) AS since_of
SELECT
    *,
    now64(6, 'UTC') AS derived_at
FROM
(
    SELECT
        false AS is_mark,
        toDate(c.started_at) AS day,
        c.feature AS feature,
        c.team AS team,
        c.environment AS environment,
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
        sumIf(c.duration_ns, c.correction_id = '') AS duration_ns,
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
        sum(c.effective_cost) AS effective_cost,
        sumIf(c.list_cost, c.attempt_kind != 'first') AS retry_list_cost,
        sumIf(c.list_cost, c.correction_id != '') AS corrected_list_cost
    FROM llm_calls_log AS c
    FINAL
    WHERE toStartOfHour(c.started_at) IN
        (
            SELECT arrayJoin(arrayMap(number -> toDateTime(due.day, 'UTC') + INTERVAL number HOUR, range(24)))
            FROM spend_daily_due AS due
        )
        AND toDateTime(toDate(c.started_at), 'UTC') >= if(mapContains(since_of, toString(c.environment)), since_of[toString(c.environment)], since_of[''])
    GROUP BY
        day,
        feature,
        team,
        environment,
        workload,
        agent,
        service_name,
        provider,
        response_model,
        operation
    UNION ALL
    SELECT
        false AS is_mark,
        kept.* EXCEPT (derived_at)
    FROM spend_daily AS kept
    WHERE kept.day IN (SELECT due.day FROM spend_daily_due AS due)
        AND toDateTime(kept.day, 'UTC') < if(mapContains(since_of, toString(kept.environment)), since_of[toString(kept.environment)], since_of[''])
    UNION ALL
    SELECT
        true AS is_mark,
        due.day AS day,
        nothing.* EXCEPT (is_mark, day, derived_at)
    FROM spend_daily_due AS due
    LEFT JOIN
    (
        SELECT *
        FROM spend_daily_log
        WHERE false
    ) AS nothing ON nothing.day = due.day
)
COMMENT 'What the due days cost, as of now: the text that the owner and the refreshed view both run';

CREATE OR REPLACE VIEW tenant_spend_daily_derivation {on_cluster} AS
WITH (SELECT mapFromArrays(groupArray(toString(k.environment)), groupArray(k.since)) FROM kept_since AS k) AS since_of
SELECT
    *,
    now64(6, 'UTC') AS derived_at
FROM
(
    SELECT
        false AS is_mark,
        toDate(c.started_at) AS day,
        c.tenant AS tenant,
        c.feature AS feature,
        c.team AS team,
        c.environment AS environment,
        c.provider AS provider,
        if(c.response_model = '', c.request_model, c.response_model) AS response_model,
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
    WHERE toStartOfHour(c.started_at) IN
        (
            SELECT arrayJoin(arrayMap(number -> toDateTime(due.day, 'UTC') + INTERVAL number HOUR, range(24)))
            FROM tenant_spend_daily_due AS due
        )
        AND toDateTime(toDate(c.started_at), 'UTC') >= if(mapContains(since_of, toString(c.environment)), since_of[toString(c.environment)], since_of[''])
    GROUP BY
        day,
        tenant,
        feature,
        team,
        environment,
        provider,
        response_model
    UNION ALL
    SELECT
        false AS is_mark,
        kept.* EXCEPT (derived_at)
    FROM tenant_spend_daily AS kept
    WHERE kept.day IN (SELECT due.day FROM tenant_spend_daily_due AS due)
        AND toDateTime(kept.day, 'UTC') < if(mapContains(since_of, toString(kept.environment)), since_of[toString(kept.environment)], since_of[''])
    UNION ALL
    SELECT
        true AS is_mark,
        due.day AS day,
        nothing.* EXCEPT (is_mark, day, derived_at)
    FROM tenant_spend_daily_due AS due
    LEFT JOIN
    (
        SELECT *
        FROM tenant_spend_daily_log
        WHERE false
    ) AS nothing ON nothing.day = due.day
)
COMMENT 'What tenants cost on the due days, as of now: the text that the owner and the refreshed view both run';

CREATE OR REPLACE VIEW request_attempts_derivation {on_cluster} AS
WITH (SELECT mapFromArrays(groupArray(toString(k.environment)), groupArray(k.since)) FROM kept_since AS k) AS since_of
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
        c.feature AS feature,
        c.request_id AS request_id,
        argMax(c.team, c.started_at) AS team,
        argMax(c.session_id, c.started_at) AS session_id,
        argMax(c.parent_request_id, c.started_at) AS parent_request_id,
        argMax(c.agent, c.started_at) AS agent,
        min(c.started_at) AS first_started_at,
        max(c.started_at) AS last_started_at,
        sumIf(c.duration_ns, c.correction_id = '') AS duration_ns,
        toInt64(countIf(c.correction_id = '')) AS calls,
        toInt64(countIf(c.correction_id = '' AND c.error_type != '')) AS errors,
        toInt64(countIf(c.correction_id = '' AND c.list_cost IS NULL)) - sum(c.newly_priced) AS unpriced_calls,
        toInt64(countIf(c.correction_id = '' AND c.attempt_kind != 'first')) AS retries,
        toInt64(countIf(c.correction_id = '' AND c.attempt_kind = 'fallback')) AS fallbacks,
        toInt64(countIf(c.correction_id = '' AND c.attempt_kind = 'hedge')) AS hedges,
        sum(c.resend_count) AS resends,
        groupUniqArray(16)(if(c.response_model = '', c.request_model, c.response_model)) AS models,
        groupUniqArrayIf(16)(c.attempt_reason, c.attempt_reason != '') AS attempt_reasons,
        groupUniqArrayIf(256)(cityHash64(c.request_hash), c.request_hash != '') AS request_hashes,
        sum(c.input_tokens) AS input_tokens,
        sum(c.output_tokens) AS output_tokens,
        sum(c.list_cost) AS list_cost,
        sum(c.effective_cost) AS effective_cost,
        sumIf(c.list_cost, c.attempt_kind != 'first') AS retry_list_cost
    FROM llm_calls_log AS c
    FINAL
    WHERE toStartOfHour(c.started_at) IN (SELECT due.hour FROM request_attempts_due AS due)
        AND c.request_id != ''
        AND toStartOfHour(c.started_at) >= if(mapContains(since_of, toString(c.environment)), since_of[toString(c.environment)], since_of[''])
    GROUP BY
        hour,
        environment,
        tenant,
        feature,
        request_id
    UNION ALL
    SELECT
        false AS is_mark,
        kept.* EXCEPT (derived_at)
    FROM request_attempts_hourly AS kept
    WHERE kept.hour IN (SELECT due.hour FROM request_attempts_due AS due)
        AND kept.hour < if(mapContains(since_of, toString(kept.environment)), since_of[toString(kept.environment)], since_of[''])
    UNION ALL
    SELECT
        true AS is_mark,
        due.hour AS hour,
        nothing.* EXCEPT (is_mark, hour, derived_at)
    FROM request_attempts_due AS due
    LEFT JOIN
    (
        SELECT *
        FROM request_attempts_log
        WHERE false
    ) AS nothing ON nothing.hour = due.hour
)
COMMENT 'What user actions took in the due hours, as of now: the text that the owner and the refreshed view both run';

CREATE OR REPLACE VIEW prompt_shape_daily_derivation {on_cluster} AS
WITH (SELECT mapFromArrays(groupArray(toString(k.environment)), groupArray(k.since)) FROM kept_since AS k) AS since_of
SELECT
    *,
    now64(6, 'UTC') AS derived_at
FROM
(
    SELECT
        false AS is_mark,
        toDate(c.started_at) AS day,
        c.feature AS feature,
        c.team AS team,
        c.environment AS environment,
        c.provider AS provider,
        if(c.response_model = '', c.request_model, c.response_model) AS response_model,
        c.operation AS operation,
        c.prompt_name AS prompt_name,
        c.prompt_version AS prompt_version,
        c.prompt_hash AS prompt_hash,
        min(c.started_at) AS first_started_at,
        toInt64(countIf(c.correction_id = '')) AS calls,
        toInt64(countIf(c.correction_id = '' AND c.usage_quality != 'missing')) AS measured_calls,
        sum(c.input_tokens) AS input_tokens,
        sum(c.cache_read_tokens) AS cache_read_tokens,
        sum(c.cache_write_5m_tokens) AS cache_write_5m_tokens,
        sum(c.cache_write_1h_tokens) AS cache_write_1h_tokens,
        sum(c.output_tokens) AS output_tokens,
        sum(c.reasoning_tokens) AS reasoning_tokens,
        max(c.input_tokens) AS input_tokens_max,
        max(c.output_tokens) AS output_tokens_max,
        max(c.prompt_bytes) AS prompt_bytes_max,
        sum(c.tool_call_count) AS tool_calls,
        sum(c.list_cost) AS list_cost,
        sum(c.effective_cost) AS effective_cost
    FROM llm_calls_log AS c
    FINAL
    WHERE toStartOfHour(c.started_at) IN
        (
            SELECT arrayJoin(arrayMap(number -> toDateTime(due.day, 'UTC') + INTERVAL number HOUR, range(24)))
            FROM prompt_shape_daily_due AS due
        )
        AND toDateTime(toDate(c.started_at), 'UTC') >= if(mapContains(since_of, toString(c.environment)), since_of[toString(c.environment)], since_of[''])
    GROUP BY
        day,
        feature,
        team,
        environment,
        provider,
        response_model,
        operation,
        prompt_name,
        prompt_version,
        prompt_hash
    UNION ALL
    SELECT
        false AS is_mark,
        kept.* EXCEPT (derived_at)
    FROM prompt_shape_daily AS kept
    WHERE kept.day IN (SELECT due.day FROM prompt_shape_daily_due AS due)
        AND toDateTime(kept.day, 'UTC') < if(mapContains(since_of, toString(kept.environment)), since_of[toString(kept.environment)], since_of[''])
    UNION ALL
    SELECT
        true AS is_mark,
        due.day AS day,
        nothing.* EXCEPT (is_mark, day, derived_at)
    FROM prompt_shape_daily_due AS due
    LEFT JOIN
    (
        SELECT *
        FROM prompt_shape_daily_log
        WHERE false
    ) AS nothing ON nothing.day = due.day
)
COMMENT 'The shape of prompts on the due days, as of now: the text that the owner and the refreshed view both run';

CREATE OR REPLACE VIEW spend_by_tag_daily_derivation {on_cluster} AS
WITH (SELECT mapFromArrays(groupArray(toString(k.environment)), groupArray(k.since)) FROM kept_since AS k) AS since_of
SELECT
    *,
    now64(6, 'UTC') AS derived_at
FROM
(
    SELECT
        false AS is_mark,
        toDate(c.started_at) AS day,
        tag AS tag_key,
        c.tags[tag] AS tag_value,
        c.feature AS feature,
        c.team AS team,
        c.environment AS environment,
        toInt64(countIf(c.correction_id = '')) AS calls,
        toInt64(countIf(c.correction_id = '' AND c.error_type != '')) AS errors,
        toInt64(countIf(c.correction_id = '' AND c.list_cost IS NULL)) - sum(c.newly_priced) AS unpriced_calls,
        sum(c.input_tokens) AS input_tokens,
        sum(c.cache_read_tokens) AS cache_read_tokens,
        sum(c.output_tokens) AS output_tokens,
        sum(c.list_cost) AS list_cost,
        sum(c.effective_cost) AS effective_cost
    FROM llm_calls_log AS c
    FINAL
    ARRAY JOIN arrayIntersect(mapKeys(c.tags), (SELECT groupArray(toString(r.tag_key)) FROM reported_tags AS r)) AS tag
    WHERE toStartOfHour(c.started_at) IN
        (
            SELECT arrayJoin(arrayMap(number -> toDateTime(due.day, 'UTC') + INTERVAL number HOUR, range(24)))
            FROM spend_by_tag_daily_due AS due
        )
        AND (SELECT count() FROM reported_tags) > 0
        AND toDateTime(toDate(c.started_at), 'UTC') >= if(mapContains(since_of, toString(c.environment)), since_of[toString(c.environment)], since_of[''])
    GROUP BY
        day,
        tag_key,
        tag_value,
        feature,
        team,
        environment
    UNION ALL
    SELECT
        false AS is_mark,
        kept.* EXCEPT (derived_at)
    FROM spend_by_tag_daily AS kept
    WHERE kept.day IN (SELECT due.day FROM spend_by_tag_daily_due AS due)
        AND toDateTime(kept.day, 'UTC') < if(mapContains(since_of, toString(kept.environment)), since_of[toString(kept.environment)], since_of[''])
    UNION ALL
    SELECT
        true AS is_mark,
        due.day AS day,
        nothing.* EXCEPT (is_mark, day, derived_at)
    FROM spend_by_tag_daily_due AS due
    LEFT JOIN
    (
        SELECT *
        FROM spend_by_tag_daily_log
        WHERE false
    ) AS nothing ON nothing.day = due.day
)
COMMENT 'What tags cost on the due days, as of now: the text that the owner and the refreshed view both run';
