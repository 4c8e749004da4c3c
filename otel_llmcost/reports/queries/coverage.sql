-- All calls of a window together: what they cost, how many of them have a price and a name, and by which rates.
SELECT
    countIf(c.correction_id = '') AS calls,
    countIf(c.correction_id = '' AND c.error_type != '') AS errors,
    countIf(c.correction_id = '' AND c.list_cost IS NULL) - sum(c.newly_priced) AS unpriced_calls,
    countIf(c.correction_id = '' AND c.feature != '') AS named_calls,
    sum(c.input_tokens) AS input_tokens,
    sum(c.cache_read_tokens) AS cache_read_tokens,
    sum(c.output_tokens) AS output_tokens,
    sum(c.list_cost) AS list_cost,
    sum(c.effective_cost) AS effective_cost,
    sumIf(c.list_cost, c.feature != '') AS named_cost,
    arraySort(groupUniqArrayIf(8)(c.rate_table_version, c.rate_table_version != '')) AS rate_table_versions
FROM llm_calls AS c
WHERE c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
    AND c.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC');
