-- Each day by customer; those beyond the nine dearest are summed as the others. The days of all customers are many rows,
-- so they are read once, and the rank of a customer is worked out from their sums.
SELECT
    toDateTime(r.day, 'UTC') AS time,
    multiIf(r.rank > 9, '(others)', r.tenant = '', '(no tenant)', r.tenant) AS tenant,
    toFloat64(sum(r.spent)) AS usd
FROM
(
    SELECT
        a.day AS day,
        a.tenant AS tenant,
        a.spent AS spent,
        dense_rank() OVER (ORDER BY a.altogether DESC, a.tenant) AS rank
    FROM
    (
        SELECT
            d.day AS day,
            toString(d.tenant) AS tenant,
            ifNull(sum(d.effective_cost), 0) AS spent,
            sum(spent) OVER (PARTITION BY tenant) AS altogether
        FROM tenant_spend_daily AS d
        WHERE d.day >= toDate($__fromTime, 'UTC')
            AND d.day <= toDate($__toTime, 'UTC')
            {filters:d}
        GROUP BY
            day,
            tenant
    ) AS a
) AS r
GROUP BY
    time,
    tenant
ORDER BY
    time,
    tenant
