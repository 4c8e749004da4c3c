-- Each day by customer; those beyond the nine dearest are summed as the others.
WITH top AS
(
    SELECT d.tenant AS tenant
    FROM tenant_spend_daily AS d
    WHERE d.day >= toDate($__fromTime, 'UTC')
        AND d.day <= toDate($__toTime, 'UTC')
        {filters:d}
    GROUP BY tenant
    ORDER BY
        sum(d.effective_cost) DESC NULLS LAST,
        tenant
    LIMIT 9
)
SELECT
    toDateTime(d.day, 'UTC') AS time,
    multiIf(d.tenant NOT IN (SELECT t.tenant FROM top AS t), '(others)', d.tenant = '', '(no tenant)', d.tenant) AS tenant,
    toFloat64(ifNull(sum(d.effective_cost), 0)) AS usd
FROM tenant_spend_daily AS d
WHERE d.day >= toDate($__fromTime, 'UTC')
    AND d.day <= toDate($__toTime, 'UTC')
    {filters:d}
GROUP BY
    time,
    tenant
ORDER BY
    time,
    tenant
