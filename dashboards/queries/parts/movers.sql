-- What moved each feature from the normal day to yesterday, in parts that sum exactly.
-- A feature that was not called on one of the days is new or ended. Of the others, with N calls and cost C:
--   volume  as many calls more, at the old cost a call                              (N1 - N0) * C0 / N0
--   model   the calls that moved between models, at each model's old cost a call
--   tokens  longer or shorter calls of a model, at the old cache mix
--   cache   more or less of the input read from or written to a cache
--   price   what is left: other prices or tiers, searches and other fees, calls without a price
-- Tokens and cache are weighed by what providers charge in proportion: input 1, cache read 0.1, cache write 1.25 (5
-- minutes) and 2 (1 hour), output 5; the weights are scaled to what the model's calls cost on the normal day.
cells AS
(
    SELECT
        d.feature AS feature,
        d.provider AS provider,
        d.response_model AS model,
        d.operation AS operation,
        toFloat64(sumIf(d.calls, d.day = normal_day)) AS n0,
        toFloat64(sumIf(d.calls, d.day = yesterday)) AS n1,
        ifNull(sumIf(d.effective_cost, d.day = normal_day), 0) AS cost0,
        ifNull(sumIf(d.effective_cost, d.day = yesterday), 0) AS cost1,
        toFloat64(cost0) AS c0,
        toFloat64(cost1) AS c1,
        toFloat64(sumIf(d.input_tokens + 5 * d.output_tokens, d.day = normal_day)) AS u0,
        toFloat64(sumIf(d.input_tokens + 5 * d.output_tokens, d.day = yesterday)) AS u1,
        u0 - sumIf(0.9 * d.cache_read_tokens - 0.25 * d.cache_write_5m_tokens - d.cache_write_1h_tokens, d.day = normal_day) AS w0,
        u1 - sumIf(0.9 * d.cache_read_tokens - 0.25 * d.cache_write_5m_tokens - d.cache_write_1h_tokens, d.day = yesterday) AS w1
    FROM spend_daily AS d
    WHERE d.day IN (normal_day, yesterday)
        {filters:d}
    GROUP BY
        feature,
        provider,
        model,
        operation
),
shares AS
(
    SELECT
        c.*,
        sum(c.n0) OVER (PARTITION BY c.feature) AS f0,
        sum(c.n1) OVER (PARTITION BY c.feature) AS f1,
        c.n0 > 0 AND c.n1 > 0 AS is_kept,
        is_kept AND u0 > 0 AND w0 > 0 AS is_measured,
        if(f0 > 0, f1 / f0 * c.c0, 0) AS expected,
        if(is_kept, c.n1 / c.n0 * c.c0, c.c1) AS at_old_cost,
        if(is_measured, u1 / u0 * c.c0, at_old_cost) AS at_old_mix,
        if(is_measured, w1 / w0 * c.c0, at_old_cost) AS at_new_mix
    FROM cells AS c
),
parted AS
(
    SELECT
        s.feature AS feature,
        sum(s.cost0) AS normal,
        sum(s.cost1) AS became,
        became - normal AS change,
        any(s.f0) = 0 AS is_new,
        any(s.f1) = 0 AS is_ended,
        NOT is_new AND NOT is_ended AS is_both,
        toDecimal128(0, 12) AS nothing,
        if(is_new AND NOT is_ended, change, nothing) AS new_part,
        if(is_ended, change, nothing) AS ended_part,
        if(is_both, toDecimal128(sum(s.expected - s.c0), 12), nothing) AS volume_part,
        if(is_both, toDecimal128(sum(s.at_old_cost - s.expected), 12), nothing) AS model_part,
        if(is_both, toDecimal128(sum(s.at_old_mix - s.at_old_cost), 12), nothing) AS tokens_part,
        if(is_both, toDecimal128(sum(s.at_new_mix - s.at_old_mix), 12), nothing) AS cache_part,
        if(is_both, change - volume_part - model_part - tokens_part - cache_part, nothing) AS price_part
    FROM shares AS s
    GROUP BY feature
),
movers AS
(
    SELECT
        p.*,
        arraySort(
            part -> -abs(part.2),
            [
                ('new', new_part),
                ('ended', ended_part),
                ('volume', volume_part),
                ('tokens a call', tokens_part),
                ('cache mix', cache_part),
                ('model mix', model_part),
                ('price', price_part)
            ]
        )[1] AS driver
    FROM parted AS p
)
