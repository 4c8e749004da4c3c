-- Why: what was rejected, failed or was cut off is waste, and a month of it has to be known when the calls themselves have
--      gone. A retry that made up for such a call is none, since its answer was used: retry_list_cost stands beside.
--      What was derived before says NULL, unknown, until its hour or day is touched again.
-- Mutation: no. Safe to re-run: yes.
-- Undo: the derivations of 0022; DROP COLUMN rejections, wasted_list_cost and wasted_effective_cost of both tables; the
--       views of 0011 and 0013.
ALTER TABLE spend_daily_log {on_cluster}
    ADD COLUMN IF NOT EXISTS rejections Int64 COMMENT 'Calls whose answer the application rejected' CODEC(T64, ZSTD(1)) AFTER corrected_list_cost,
    ADD COLUMN IF NOT EXISTS wasted_list_cost Nullable(Decimal(38, 12)) COMMENT 'The part of list_cost that went to answers of no use: rejected by the application, failed, or cut off by their limit' CODEC(ZSTD(1)) AFTER rejections,
    ADD COLUMN IF NOT EXISTS wasted_effective_cost Nullable(Decimal(38, 12)) COMMENT 'The part of effective_cost that went there' CODEC(ZSTD(1)) AFTER wasted_list_cost;

CREATE OR REPLACE VIEW spend_daily {on_cluster} AS
SELECT * EXCEPT (is_mark)
FROM spend_daily_log
FINAL
WHERE NOT is_mark
    AND (day, derived_at) IN
(
    SELECT
        l.day,
        max(l.derived_at)
    FROM spend_daily_log AS l
    WHERE l.is_mark
    GROUP BY l.day
)
COMMENT 'Spend by the day, without tenants';

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
        sumIf(c.list_cost, c.correction_id != '') AS corrected_list_cost,
        toInt64(countIf(c.correction_id = '' AND c.rejected != '')) AS rejections,
        sumIf(c.list_cost, c.rejected != '' OR c.error_type != '' OR c.finish_reason IN ('length', 'max_tokens', 'MAX_TOKENS', 'max_output_tokens')) AS wasted_list_cost,
        sumIf(c.effective_cost, c.rejected != '' OR c.error_type != '' OR c.finish_reason IN ('length', 'max_tokens', 'MAX_TOKENS', 'max_output_tokens')) AS wasted_effective_cost
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

ALTER TABLE request_attempts_log {on_cluster}
    ADD COLUMN IF NOT EXISTS rejections Int64 COMMENT 'Calls whose answer the application rejected' CODEC(T64, ZSTD(1)) AFTER retry_list_cost,
    ADD COLUMN IF NOT EXISTS wasted_list_cost Nullable(Decimal(38, 12)) COMMENT 'The part of list_cost that went to answers of no use: rejected by the application, failed, or cut off by their limit' CODEC(ZSTD(1)) AFTER rejections,
    ADD COLUMN IF NOT EXISTS wasted_effective_cost Nullable(Decimal(38, 12)) COMMENT 'The part of effective_cost that went there' CODEC(ZSTD(1)) AFTER wasted_list_cost;

CREATE OR REPLACE VIEW request_attempts_hourly {on_cluster} AS
SELECT * EXCEPT (is_mark)
FROM request_attempts_log
FINAL
WHERE NOT is_mark
    AND (hour, derived_at) IN
(
    SELECT
        l.hour,
        max(l.derived_at)
    FROM request_attempts_log AS l
    WHERE l.is_mark
    GROUP BY l.hour
)
COMMENT 'The part of each user action that falls into each hour: the fast way to the actions of a few days';

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
        sumIf(c.list_cost, c.attempt_kind != 'first') AS retry_list_cost,
        toInt64(countIf(c.correction_id = '' AND c.rejected != '')) AS rejections,
        sumIf(c.list_cost, c.rejected != '' OR c.error_type != '' OR c.finish_reason IN ('length', 'max_tokens', 'MAX_TOKENS', 'max_output_tokens')) AS wasted_list_cost,
        sumIf(c.effective_cost, c.rejected != '' OR c.error_type != '' OR c.finish_reason IN ('length', 'max_tokens', 'MAX_TOKENS', 'max_output_tokens')) AS wasted_effective_cost
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

CREATE OR REPLACE VIEW request_attempts {on_cluster} AS
SELECT
    h.environment AS environment,
    h.tenant AS tenant,
    h.feature AS feature,
    h.request_id AS request_id,
    argMax(h.team, h.last_started_at) AS team,
    argMax(h.session_id, h.last_started_at) AS session_id,
    argMax(h.parent_request_id, h.last_started_at) AS parent_request_id,
    argMax(h.agent, h.last_started_at) AS agent,
    min(h.first_started_at) AS first_started_at,
    max(h.last_started_at) AS last_started_at,
    sum(h.duration_ns) AS duration_ns,
    sum(h.calls) AS calls,
    sum(h.errors) AS errors,
    sum(h.unpriced_calls) AS unpriced_calls,
    sum(h.retries) AS retries,
    sum(h.fallbacks) AS fallbacks,
    sum(h.hedges) AS hedges,
    sum(h.resends) AS resends,
    arraySort(groupUniqArrayArray(16)(h.models)) AS models,
    arraySort(groupUniqArrayArray(16)(h.attempt_reasons)) AS attempt_reasons,
    toInt64(length(groupUniqArrayArray(256)(h.request_hashes))) AS distinct_requests,
    sum(h.input_tokens) AS input_tokens,
    sum(h.output_tokens) AS output_tokens,
    sum(h.list_cost) AS list_cost,
    sum(h.effective_cost) AS effective_cost,
    sum(h.retry_list_cost) AS retry_list_cost,
    sum(h.rejections) AS rejections,
    sum(h.wasted_list_cost) AS wasted_list_cost,
    sum(h.wasted_effective_cost) AS wasted_effective_cost
FROM request_attempts_hourly AS h
GROUP BY
    environment,
    tenant,
    feature,
    request_id
COMMENT 'What each user action took, one row an action and feature: its calls, retries, fallbacks, and its cost';

ALTER TABLE request_attempts {on_cluster}
    COMMENT COLUMN distinct_requests 'How many of its requests were distinct, by request_hash, at most 256; fewer than its calls means that the same was asked again';
