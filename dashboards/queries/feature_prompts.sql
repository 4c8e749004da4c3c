-- System prompts by their hash, the newest first: a new one that is longer shows here.
SELECT
    c.prompt_hash AS prompt,
    c.prompt_version AS version,
    toDateTime(min(c.started_at), 'UTC') AS first_call,
    countIf(c.correction_id = '') AS calls,
    toFloat64(ifNull(sum(c.effective_cost), 0)) AS usd,
    if(calls = 0, NULL, usd / calls) AS a_call_usd,
    if(calls = 0, NULL, sum(c.input_tokens) / calls) AS input_a_call_tokens
FROM llm_calls AS c
WHERE c.started_at >= $__fromTime
    AND c.started_at <= $__toTime
    {filters:c}
GROUP BY 
    prompt,
    version
ORDER BY
    first_call DESC
LIMIT 20
