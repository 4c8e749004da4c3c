-- Each customer: what they cost, their share and place among the others, and the last seven days against the seven
-- before. The percentile is the share of customers that cost no more.
WITH
    {include:dates}
SELECT
    if(t.tenant = '', '(no tenant)', t.tenant) AS tenant,
    t.usd AS usd,
    t.usd / greatest(1e-12, sum(t.usd) OVER ()) AS of_all_share,
    count() OVER (ORDER BY t.usd) / count() OVER () AS percentile_share,
    t.week AS last_7_days_usd,
    if(t.before = 0, NULL, t.week / t.before - 1) AS change_share,
    t.calls AS calls,
    if(t.calls = 0, NULL, t.usd / t.calls) AS a_call_usd,
    if(match(lower(t.tenant), '(^|[^a-z])(demo|trial|test|sandbox|poc)([^a-z]|$)'), 'demo', '') AS kind
FROM
(
    SELECT
        d.tenant AS tenant,
        toFloat64(ifNull(sumIf(d.effective_cost, d.day >= toDate($__fromTime, 'UTC')), 0)) AS usd,
        toFloat64(ifNull(sumIf(d.effective_cost, d.day >= today - 7 AND d.day < today), 0)) AS week,
        toFloat64(ifNull(sumIf(d.effective_cost, d.day >= today - 14 AND d.day < today - 7), 0)) AS before,
        sumIf(d.calls, d.day >= toDate($__fromTime, 'UTC')) AS calls
    FROM tenant_spend_daily AS d
    WHERE d.day >= least(toDate($__fromTime, 'UTC'), today - 14)
        AND d.day <= today
        {filters:d}
    GROUP BY tenant
) AS t
ORDER BY
    usd DESC,
    tenant
LIMIT 100
