-- The tenants of the range, the dearest first.
SELECT if(t.tenant = '', '(no tenant)', t.tenant) AS tenant
FROM tenant_spend_daily AS t
WHERE t.day >= toDate($__fromTime, 'UTC')
    AND t.day <= toDate($__toTime, 'UTC')
GROUP BY tenant
ORDER BY
    sum(t.effective_cost) DESC NULLS LAST,
    tenant
LIMIT 500
