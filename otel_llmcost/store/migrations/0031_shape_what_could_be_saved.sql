-- Why: what could be saved by asking nothing twice, by a cap on answers and by waiting is seen in the single calls only.
--      To read a day of them whenever somebody looks takes half a second of a million; so the day's shape holds it.
--      What was derived before says 0 until its day is touched again.
-- Mutation: no. Safe to re-run: yes.
-- Undo: the derivation of 0022; DROP COLUMN of the six; the view of 0014.
ALTER TABLE prompt_shape_daily_log {on_cluster}
    ADD COLUMN IF NOT EXISTS repeated_calls Int64 COMMENT 'Calls that asked what the same tenant had asked before on this day, by request_hash' CODEC(T64, ZSTD(1)) AFTER effective_cost,
    ADD COLUMN IF NOT EXISTS repeated_effective_cost Nullable(Decimal(38, 12)) COMMENT 'The part of effective_cost that repeated_calls took' CODEC(ZSTD(1)) AFTER repeated_calls,
    ADD COLUMN IF NOT EXISTS output_tokens_p95 Int64 COMMENT 'The output that 95 % of the calls did not exceed' CODEC(T64, ZSTD(1)) AFTER repeated_effective_cost,
    ADD COLUMN IF NOT EXISTS long_output_usd Float64 COMMENT 'An estimate: USD of the output beyond output_tokens_p95, where output costs five times as much as input' CODEC(ZSTD(1)) AFTER output_tokens_p95,
    ADD COLUMN IF NOT EXISTS deferrable_calls Int64 COMMENT 'Calls that nobody waited for (workload batch, background, eval or ci) and that were made at the full rate' CODEC(T64, ZSTD(1)) AFTER long_output_usd,
    ADD COLUMN IF NOT EXISTS deferrable_effective_cost Nullable(Decimal(38, 12)) COMMENT 'The part of effective_cost that deferrable_calls took' CODEC(ZSTD(1)) AFTER deferrable_calls;

CREATE OR REPLACE VIEW prompt_shape_daily {on_cluster} AS
SELECT * EXCEPT (is_mark)
FROM prompt_shape_daily_log
FINAL
WHERE NOT is_mark
    AND (day, derived_at) IN
(
    SELECT
        l.day,
        max(l.derived_at)
    FROM prompt_shape_daily_log AS l
    WHERE l.is_mark
    GROUP BY l.day
)
COMMENT 'How long prompts and answers are, by the day, feature, model and prompt';

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
        sum(c.effective_cost) AS effective_cost,
        toInt64(length(arrayFilter(
            (each, before) -> each.1 = before.1,
            arrayPopFront(arraySort(groupArrayIf((cityHash64(c.tenant, c.request_hash), c.started_at, toDecimal128(ifNull(c.effective_cost, 0), 12)), c.correction_id = '' AND c.request_hash != '')) AS asked),
            arrayPopBack(asked)
        ) AS again)) AS repeated_calls,
        toNullable(arraySum(each -> each.3, again)) AS repeated_effective_cost,
        toInt64(quantileExactIf(0.95)(c.output_tokens, c.correction_id = '')) AS output_tokens_p95,
        toFloat64(arraySum(
            (output, price) -> greatest(0, output - output_tokens_p95) * 5 * price,
            groupArrayIf(c.output_tokens, c.correction_id = ''),
            groupArrayIf(toFloat64(ifNull(c.effective_cost, 0)) / greatest(1, c.input_tokens + 5 * c.output_tokens - 0.9 * c.cache_read_tokens), c.correction_id = '')
        )) AS long_output_usd,
        toInt64(countIf(c.correction_id = '' AND c.workload IN ('batch', 'background', 'eval', 'ci') AND NOT c.is_batch AND c.service_tier NOT IN ('flex', 'batch') AS may_wait)) AS deferrable_calls,
        sumIf(c.effective_cost, may_wait) AS deferrable_effective_cost
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
