-- Who asked, the dearest first.
SELECT
    if(c.tenant = '', '(no tenant)', c.tenant) AS tenant,
    toFloat64(ifNull(sum(c.effective_cost), 0)) AS usd
FROM llm_calls AS c
WHERE c.started_at >= $__fromTime
    AND c.started_at <= $__toTime
    {filters:c}
GROUP BY tenant
ORDER BY
    usd DESC,
    tenant
LIMIT 12
