-- When each table of sums was last derived, in seconds before the end of the range.
SELECT
    t.name AS name,
    greatest(0, dateDiff('second', t.derived, $__toTime)) AS derived_ago_s
FROM
(
    SELECT 'spend_hourly' AS name, toDateTime(max(h.derived_at), 'UTC') AS derived FROM spend_hourly AS h WHERE h.hour > $__toTime - INTERVAL 48 HOUR
        {filters:h}
    UNION ALL
    SELECT 'spend_daily' AS name, toDateTime(max(d.derived_at), 'UTC') AS derived FROM spend_daily AS d WHERE d.day > toDate($__toTime, 'UTC') - 2
        {filters:d}
    UNION ALL
    SELECT 'tenant_spend_daily' AS name, toDateTime(max(t.derived_at), 'UTC') AS derived FROM tenant_spend_daily AS t WHERE t.day > toDate($__toTime, 'UTC') - 2
        {filters:t}
    UNION ALL
    SELECT 'prompt_shape_daily' AS name, toDateTime(max(p.derived_at), 'UTC') AS derived FROM prompt_shape_daily AS p WHERE p.day > toDate($__toTime, 'UTC') - 2
        {filters:p}
) AS t
WHERE t.derived > toDateTime(0, 'UTC')
ORDER BY
    derived_ago_s DESC,
    name
