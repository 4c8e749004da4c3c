-- What the calls of a window cost, split by the expressions that are put in as keys, the dearest first.
-- A sum is NULL where no price is known at all; the number of unpriced calls says how much of it is missing.
SELECT
    [{keys}] AS keys,
    countIf(c.correction_id = '') AS calls,
    countIf(c.correction_id = '' AND c.error_type != '') AS errors,
    countIf(c.correction_id = '' AND c.list_cost IS NULL) - sum(c.newly_priced) AS unpriced_calls,
    sum(c.input_tokens) AS input_tokens,
    sum(c.cache_read_tokens) AS cache_read_tokens,
    sum(c.output_tokens) AS output_tokens,
    sum(c.list_cost) AS list_cost,
    sum(c.effective_cost) AS effective_cost,
    count() OVER () AS groups
FROM llm_calls AS c
{corrections}
WHERE c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
    AND c.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
GROUP BY keys
ORDER BY
    list_cost DESC NULLS LAST,
    calls DESC,
    keys
LIMIT {limit:UInt64};
