-- What could be saved in a month of 30 days, by feature and lever, each with its arithmetic in words. Prices are those
-- that the calls were billed at: a model's cost over its weighed tokens (input 1, cache read 0.1, cache writes 1.25 and
-- 2, output 5) is the price of one input token. The last seven whole days stand for the month; what needs the single
-- call is taken from yesterday's, which are read once: put in order by tenant and question, and then by time, a call
-- asks again where the one before it asked the same. Of more than half a million calls one question in two is looked at,
-- one in three and so on, with all calls that asked it.
shapes AS
(
    SELECT
        p.feature AS feature,
        p.response_model AS model,
        p.prompt_hash AS prompt_hash,
        toFloat64(ifNull(sumIf(p.effective_cost, p.day >= today - 7), 0)) AS usd,
        toFloat64(sumIf(p.measured_calls, p.day >= today - 7)) AS calls,
        toFloat64(sumIf(p.measured_calls, p.day < today - 7)) AS calls_before,
        toFloat64(sumIf(p.input_tokens, p.day >= today - 7)) AS input,
        toFloat64(sumIf(p.input_tokens, p.day < today - 7)) AS input_before,
        toFloat64(sumIf(p.output_tokens, p.day >= today - 7)) AS output,
        toFloat64(sumIf(p.cache_read_tokens, p.day >= today - 7)) AS read,
        toFloat64(sumIf(p.cache_write_5m_tokens + p.cache_write_1h_tokens, p.day >= today - 7)) AS written,
        ifNull(maxIf(p.prompt_bytes_max, p.day >= today - 7), 0) / 4 AS prompt_tokens,
        toFloat64(ifNull(sumIf(p.effective_cost, p.day < today - 7), 0)) AS usd_before,
        min(p.day) AS first_day,
        usd / greatest(1, input + 5 * output - 0.9 * read + 0.5 * written) AS input_price
    FROM prompt_shape_daily AS p
    WHERE p.day >= today - 35
        AND p.day < today
        AND p.operation != 'embeddings'
        {filters:p}
    GROUP BY
        feature,
        model,
        prompt_hash
),
models AS
(
    SELECT
        s.feature AS feature,
        s.model AS model,
        sum(s.usd) AS usd,
        sum(s.calls) AS calls,
        sum(s.calls_before) AS calls_before,
        sum(s.usd_before) AS usd_before,
        sum(s.input) AS input,
        sum(s.input_before) AS input_before,
        sum(s.output) AS output,
        max(s.input_price) AS input_price
    FROM shapes AS s
    GROUP BY
        feature,
        model
),
(
    SELECT greatest(1, intDiv(sum(d.calls), 250000))
    FROM spend_daily AS d
    WHERE d.day = yesterday
        {filters:d}
) AS every,
singles AS
(
    SELECT
        c.feature AS feature,
        count() * every AS calls,
        quantileExact(0.95)(c.output_tokens) AS usual_output,
        every * arraySum(
            (output, price) -> greatest(0, output - usual_output) * 5 * price,
            groupArray(c.output_tokens),
            groupArray((toFloat64(ifNull(c.effective_cost, 0)) AS call_usd) / greatest(1, c.input_tokens + 5 * c.output_tokens - 0.9 * c.cache_read_tokens))
        ) AS capped_usd,
        every * countIf(c.workload IN ('batch', 'background', 'eval', 'ci') AND NOT c.is_batch AND c.service_tier NOT IN ('flex', 'batch') AS may_wait) AS may_wait_calls,
        every * sumIf(call_usd, may_wait) AS may_wait_usd,
        arraySort(groupArrayIf((cityHash64(c.tenant, c.request_hash), c.started_at, call_usd), c.request_hash != '')) AS in_order,
        arrayFilter((each, before) -> each.1 = before.1, arrayPopFront(in_order), arrayPopBack(in_order)) AS repeated
    FROM llm_calls AS c
    WHERE c.started_at >= toDateTime(yesterday, 'UTC')
        AND c.started_at < toDateTime(today, 'UTC')
        AND c.correction_id = ''
        AND c.operation != 'embeddings'
        AND cityHash64(if(c.request_hash = '', c.span_id, c.request_hash)) % every = 0
        {filters:c}
    GROUP BY feature
),
levers AS
(
    SELECT
        s.feature AS feature,
        'cache' AS lever,
        greatest(0, s.prompt_tokens * s.calls - s.read - s.written) * s.input_price * 0.9 * 30 / 7 AS usd,
        'high' AS confidence,
        concat('a prompt of ', toString(round(s.prompt_tokens)), ' tokens, ', toString(round(100 * s.read / greatest(1, s.input))), ' % of input read from cache; read for a tenth of the price') AS arithmetic
    FROM shapes AS s
    WHERE s.prompt_hash != ''
        AND s.prompt_tokens >= 1024
        AND s.calls >= 100
    UNION ALL
    SELECT
        dear.feature AS feature,
        'smaller model' AS lever,
        dear.calls * (dear.usd / dear.calls - cheap.usd_before / cheap.calls_before) * 30 / 7 AS usd,
        'high' AS confidence,
        concat(dear.model, ' costs ', toString(round(dear.usd / dear.calls / (cheap.usd_before / cheap.calls_before), 1)), ' times as much a call as ', cheap.model, ', which served the feature before') AS arithmetic
    FROM models AS dear
    INNER JOIN models AS cheap ON cheap.feature = dear.feature
    WHERE dear.model != cheap.model
        AND dear.calls >= 50
        AND dear.calls_before = 0
        AND cheap.calls_before >= 50
        AND cheap.calls < 0.5 * cheap.calls_before
        AND dear.usd / dear.calls > 3 * cheap.usd_before / cheap.calls_before
    UNION ALL
    SELECT
        m.feature AS feature,
        found.1 AS lever,
        found.2 * 30 / 7 AS usd,
        found.3 AS confidence,
        found.4 AS arithmetic
    FROM models AS m
    ARRAY JOIN
        [
            (
                'small model first',
                if(m.output / m.calls < 500 AND m.input_price >= 2e-6, m.usd * (1 - 0.2 - 0.3), 0),
                'low',
                concat('answers of ', toString(round(m.output / m.calls)), ' tokens at $', toString(round(m.input_price * 1e6, 2)), ' a million input tokens: a model at a fifth of the price with 30 % fallback costs 0.2 + 0.3; it breaks even at 80 % fallback')
            ),
            (
                'shorter prompt',
                if(
                    m.calls_before >= 50 AND m.input / m.calls > 1.1 * m.input_before / m.calls_before,
                    (m.input / m.calls - m.input_before / m.calls_before) * m.calls * m.input_price,
                    0
                ),
                'medium',
                concat(toString(round(m.input / m.calls)), ' input tokens a call, ', toString(round(m.input_before / m.calls_before)), ' in the four weeks before')
            )
        ] AS found
    WHERE m.calls >= 50
    UNION ALL
    SELECT
        c.feature AS feature,
        found.1 AS lever,
        found.2 * 30 AS usd,
        found.3 AS confidence,
        found.4 AS arithmetic
    FROM singles AS c
    ARRAY JOIN
        [
            (
                'output cap',
                if(c.calls < 50, 0, c.capped_usd),
                'low',
                concat('a cap at the 95th percentile, ', toString(c.usual_output), ' output tokens')
            ),
            (
                'de-duplication',
                every * arraySum(each -> each.3, c.repeated),
                'medium',
                concat(toString(every * length(c.repeated)), ' calls of yesterday asked what the same tenant had asked before')
            ),
            (
                'batch',
                c.may_wait_usd * 0.5,
                'medium',
                concat(toString(c.may_wait_calls), ' calls of yesterday that nobody waits for, at half the price')
            )
        ] AS found
)
