-- What caches saved in the last seven whole days, and how much of the input they served.
WITH
    {include:dates}
SELECT
    if(d.feature = '', '(unattributed)', d.feature) AS feature,
    d.response_model AS model,
    sum(d.calls) AS calls,
    sum(d.input_tokens) AS input_tokens,
    if(input_tokens = 0, NULL, sum(d.cache_read_tokens) / input_tokens) AS cache_hit_share,
    toFloat64(ifNull(sum(d.effective_cost), 0)) AS spent_usd,
    spent_usd * sum(0.9 * d.cache_read_tokens - 0.25 * d.cache_write_5m_tokens - d.cache_write_1h_tokens)
        / greatest(1, sum(d.input_tokens + 5 * d.output_tokens - 0.9 * d.cache_read_tokens + 0.25 * d.cache_write_5m_tokens + d.cache_write_1h_tokens)) AS saved_usd
FROM spend_daily AS d
WHERE d.day >= today - 7
    AND d.day < today
    AND d.operation != 'embeddings'
    {filters:d}
GROUP BY
    feature,
    model
ORDER BY
    input_tokens DESC,
    feature,
    model
LIMIT 20
