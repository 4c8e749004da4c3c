-- The tools that models called, and the searches that providers bill, of the range's last day.
SELECT
    if(c.feature = '', '(unattributed)', c.feature) AS feature,
    countIf(c.correction_id = '') AS calls,
    sum(ifNull(c.tool_call_count, 0)) AS tool_calls,
    sum(c.web_search + c.grounded_prompt + c.grounded_query + c.file_search) AS searches_count,
    sum(c.code_session) AS code_sessions_count,
    toFloat64(ifNull(sum(c.effective_cost), 0)) AS usd
FROM llm_calls AS c
WHERE c.started_at > $__toTime - INTERVAL 24 HOUR
    AND c.started_at <= $__toTime
    {filters:c}
GROUP BY feature
ORDER BY
    tool_calls DESC,
    usd DESC,
    feature
LIMIT 20
