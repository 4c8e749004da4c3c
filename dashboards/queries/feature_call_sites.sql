-- Where in the code the calls are made, the dearest first.
SELECT
    c.call_site AS call_site,
    countIf(c.correction_id = '') AS calls,
    toFloat64(ifNull(sum(c.effective_cost), 0)) AS usd,
    if(calls = 0, NULL, usd / calls) AS a_call_usd
FROM llm_calls AS c
WHERE c.started_at >= $__fromTime
    AND c.started_at <= $__toTime
    {filters:c}
GROUP BY call_site
ORDER BY
    usd DESC,
    call_site
LIMIT 20
