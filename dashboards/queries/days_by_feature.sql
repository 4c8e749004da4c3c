-- Each day of the range, by feature; those beyond the nine dearest are summed as the others.
WITH top AS
(
    SELECT d.feature AS feature
    FROM spend_daily AS d
    WHERE d.day >= toDate($__fromTime, 'UTC')
        AND d.day <= toDate($__toTime, 'UTC')
        {filters:d}
    GROUP BY feature
    ORDER BY
        sum(d.effective_cost) DESC NULLS LAST,
        feature
    LIMIT 9
)
SELECT
    toDateTime(d.day, 'UTC') AS time,
    multiIf(d.feature NOT IN (SELECT t.feature FROM top AS t), '(others)', d.feature = '', '(unattributed)', d.feature) AS feature,
    toFloat64(ifNull(sum(d.effective_cost), 0)) AS usd
FROM spend_daily AS d
WHERE d.day >= toDate($__fromTime, 'UTC')
    AND d.day <= toDate($__toTime, 'UTC')
    {filters:d}
GROUP BY
    time,
    feature
ORDER BY
    time,
    feature
