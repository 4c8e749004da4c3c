-- The shape of calls in the last seven whole days: where output is most of the money a cap or a smaller model helps,
-- where input is, a cache or a shorter prompt does. Weighed as providers charge: output five times input.
WITH
    {include:dates}
SELECT
    if(d.feature = '', '(unattributed)', d.feature) AS feature,
    d.response_model AS model,
    sum(d.calls) AS calls,
    toFloat64(ifNull(sum(d.effective_cost), 0)) AS spent_usd,
    if(calls = 0, NULL, sum(d.input_tokens) / calls) AS input_a_call_tokens,
    if(calls = 0, NULL, sum(d.output_tokens) / calls) AS output_a_call_tokens,
    5 * sum(d.output_tokens) / greatest(1, sum(d.input_tokens + 5 * d.output_tokens - 0.9 * d.cache_read_tokens + 0.25 * d.cache_write_5m_tokens + d.cache_write_1h_tokens)) AS output_of_cost_share,
    toFloat64(ifNull(sum(d.wasted_effective_cost), 0)) AS wasted_usd
FROM spend_daily AS d
WHERE d.day >= today - 7
    AND d.day < today
    AND d.operation != 'embeddings'
    {filters:d}
GROUP BY
    feature,
    model
ORDER BY
    spent_usd DESC,
    feature,
    model
LIMIT 20
