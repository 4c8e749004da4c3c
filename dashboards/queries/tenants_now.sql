-- How much of the range the largest customers are.
SELECT
    countIf(t.tenant != '') AS tenants_count,
    sum(t.usd) AS all_usd,
    if(all_usd = 0, NULL, max(t.usd) / all_usd) AS largest_share,
    if(all_usd = 0, NULL, arraySum(arraySlice(arrayReverseSort(groupArray(t.usd)), 1, 10)) / all_usd) AS ten_largest_share,
    if(all_usd = 0, NULL, sumIf(t.usd, t.tenant = '') / all_usd) AS without_tenant_share
FROM
(
    SELECT
        d.tenant AS tenant,
        toFloat64(ifNull(sum(d.effective_cost), 0)) AS usd
    FROM tenant_spend_daily AS d
    WHERE d.day >= toDate($__fromTime, 'UTC')
        AND d.day <= toDate($__toTime, 'UTC')
        {filters:d}
    GROUP BY tenant
) AS t
HAVING count() > 0
