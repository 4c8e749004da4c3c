-- Yesterday, call by call. Saved: what the tokens read from a cache would have cost more as plain input, less what
-- writing them cost more, in proportion to each call's cost (input 1, cache read 0.1, writes 1.25 and 2, output 5).
-- Wasted: what the application rejected, calls that failed, and answers cut off by their limit; no call counts twice.
-- Retries, fallbacks and hedges stand beside that: what a second attempt cost whose answer was used.
WITH
    {include:dates},
    {include:waste}
SELECT
    toFloat64(ifNull(sum(c.effective_cost), 0)) AS spent_usd,
    sum(
        toFloat64(ifNull(c.effective_cost, 0))
        * (0.9 * c.cache_read_tokens - 0.25 * c.cache_write_5m_tokens - c.cache_write_1h_tokens)
        / greatest(1, c.input_tokens + 5 * c.output_tokens - 0.9 * c.cache_read_tokens + 0.25 * c.cache_write_5m_tokens + c.cache_write_1h_tokens)
    ) AS saved_by_cache_usd,
    toFloat64(ifNull(sumIf(c.effective_cost, wasted_as = 'rejected'), 0)) AS rejected_usd,
    toFloat64(ifNull(sumIf(c.effective_cost, wasted_as = 'failed'), 0)) AS failed_usd,
    toFloat64(ifNull(sumIf(c.effective_cost, wasted_as = 'truncated'), 0)) AS truncated_usd,
    toFloat64(ifNull(sumIf(c.effective_cost, wasted_as = '' AND c.attempt_kind != 'first'), 0)) AS retried_usd
FROM llm_calls AS c
WHERE c.started_at >= toDateTime(yesterday, 'UTC')
    AND c.started_at < toDateTime(today, 'UTC')
    {filters:c}
HAVING countIf(c.correction_id = '') > 0
