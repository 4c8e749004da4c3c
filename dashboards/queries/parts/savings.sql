-- What could be saved in a month of 30 days, by feature and lever, each with its arithmetic in words. Prices are those
-- that the calls were billed at: a model's cost over its weighed tokens (input 1, cache read 0.1, cache writes 1.25 and
-- 2, output 5) is the price of one input token. The last seven whole days stand for the month; what was seen in single
-- calls (asked again, far too long, in no hurry) is taken from yesterday's.
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
        sumIf(p.calls, p.day = yesterday) AS calls_yesterday,
        maxIf(p.output_tokens_p95, p.day = yesterday) AS usual_output,
        sumIf(p.long_output_usd, p.day = yesterday) AS capped_usd,
        sumIf(p.repeated_calls, p.day = yesterday) AS repeated_calls,
        toFloat64(ifNull(sumIf(p.repeated_effective_cost, p.day = yesterday), 0)) AS repeated_usd,
        sumIf(p.deferrable_calls, p.day = yesterday) AS deferrable_calls,
        toFloat64(ifNull(sumIf(p.deferrable_effective_cost, p.day = yesterday), 0)) AS deferrable_usd,
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
singles AS
(
    SELECT
        s.feature AS feature,
        sum(s.calls_yesterday) AS calls,
        max(s.usual_output) AS usual_output,
        sum(s.capped_usd) AS capped_usd,
        sum(s.repeated_calls) AS repeated_calls,
        sum(s.repeated_usd) AS repeated_usd,
        sum(s.deferrable_calls) AS deferrable_calls,
        sum(s.deferrable_usd) AS deferrable_usd
    FROM shapes AS s
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
                concat('a cap at the 95th percentile of each model and prompt, at most ', toString(c.usual_output), ' output tokens')
            ),
            (
                'de-duplication',
                c.repeated_usd,
                'medium',
                concat(toString(c.repeated_calls), ' calls of yesterday asked what the same tenant had asked before')
            ),
            (
                'batch',
                c.deferrable_usd * 0.5,
                'medium',
                concat(toString(c.deferrable_calls), ' calls of yesterday that nobody waits for, at half the price')
            )
        ] AS found
)
