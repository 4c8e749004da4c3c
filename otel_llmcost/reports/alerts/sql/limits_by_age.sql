-- Limits of the day for features that have none of their own: in its first week 5 and 25 USD, in its first month 1.5 and
-- 3 times the mean day of the last seven, later 1.5 and 4 times the dearest day of the last thirty; never less than 5
-- and 25 USD.
SELECT
    concat('default of ', if(d.feature = '', 'what nobody named', d.feature)) AS scope,
    '' AS per,
    'day' AS window,
    toString(d.feature) AS feature,
    '' AS team,
    '' AS environment,
    '' AS tenant,
    '' AS workload,
    '' AS agent,
    greatest(5, multiIf(age < 7, 5, age < 30, 1.5 * week / least(7, age), 1.5 * peak)) AS warn,
    greatest(25, multiIf(age < 7, 25, age < 30, 3 * week / least(7, age), 4 * peak)) AS cap,
    toDateTime(toDate($__toTime, 'UTC'), 'UTC') AS since
FROM
(
    SELECT
        b.feature AS feature,
        toInt32(toDate($__toTime, 'UTC') - min(b.day)) AS age,
        sumIf(b.usd, b.day >= toDate($__toTime, 'UTC') - 7) AS week,
        max(b.usd) AS peak
    FROM
    (
        SELECT
            a.feature AS feature,
            a.day AS day,
            toFloat64(ifNull(sum(a.effective_cost), 0)) AS usd
        FROM spend_daily AS a
        WHERE a.day >= toDate($__toTime, 'UTC') - 30
            AND a.day < toDate($__toTime, 'UTC')
        GROUP BY
            feature,
            day
    ) AS b
    GROUP BY feature
) AS d
WHERE d.feature NOT IN
(
    SELECT n.feature
    FROM limits AS n
    WHERE n.window = 'day'
        AND n.feature != ''
        AND n.per = ''
        AND n.tenant = ''
        AND n.effective_from <= toDate($__toTime, 'UTC')
        AND (n.effective_to IS NULL OR n.effective_to > toDate($__toTime, 'UTC'))
)
