-- Yesterday, call by call. Saved: what the tokens read from a cache would have cost more as plain input, less what
-- writing them cost more, in proportion to each call's cost (input 1, cache read 0.1, writes 1.25 and 2, output 5).
-- Wasted: retries, fallbacks and hedges, calls that failed, and answers cut off by their limit; no call counts twice.
WITH
    {include:dates}
SELECT
    toFloat64(ifNull(sum(c.effective_cost), 0)) AS spent_usd,
    sum(
        toFloat64(ifNull(c.effective_cost, 0))
        * (0.9 * c.cache_read_tokens - 0.25 * c.cache_write_5m_tokens - c.cache_write_1h_tokens)
        / greatest(1, c.input_tokens + 5 * c.output_tokens - 0.9 * c.cache_read_tokens + 0.25 * c.cache_write_5m_tokens + c.cache_write_1h_tokens)
    ) AS saved_by_cache_usd,
    toFloat64(ifNull(sumIf(c.effective_cost, c.attempt_kind != 'first'), 0)) AS retried_usd,
    toFloat64(ifNull(sumIf(c.effective_cost, c.attempt_kind = 'first' AND c.error_type != ''), 0)) AS failed_usd,
    toFloat64(ifNull(sumIf(c.effective_cost, c.attempt_kind = 'first' AND c.error_type = '' AND c.finish_reason IN ('length', 'max_tokens', 'MAX_TOKENS', 'max_output_tokens')), 0)) AS truncated_usd
FROM llm_calls AS c
WHERE c.started_at >= toDateTime(yesterday, 'UTC')
    AND c.started_at < toDateTime(today, 'UTC')
    {filters:c}
HAVING countIf(c.correction_id = '') > 0
