-- What every limit of the catalogue has been used up to; and for features without a limit of the day, limits by age:
-- in its first week 5 and 25 USD, in its first month 1.5 and 3 times the mean day of the last seven, later 1.5 and 4
-- times the dearest day of the last thirty; never less than 5 and 25 USD.
SELECT
    l.feature AS feature,
    l.environment AS environment,
    l.scope AS scope,
    l.window AS window,
    l.warn AS warn,
    l.cap AS cap,
    multiIf(l.window = 'month', toStartOfMonth(toDate($__toTime, 'UTC')), l.window = 'week', toMonday(toDate($__toTime, 'UTC')), toDate($__toTime, 'UTC')) AS first_day,
    sumIf(s.usd, s.day >= first_day) AS spent,
    sumIf(s.usd, s.at > $__toTime - INTERVAL 1 HOUR) AS hour_usd,
    topKWeightedIf(3)(s.feature, toUInt64(1e6 * greatest(0, s.usd)), s.day >= first_day) AS features,
    topKWeightedIf(1)(s.model, toUInt64(1e6 * greatest(0, s.usd)), s.day >= first_day) AS models
FROM
(
    SELECT
        toString(c.feature) AS feature,
        toString(c.team) AS team,
        toString(c.environment) AS environment,
        toString(c.scope) AS scope,
        toString(c.window) AS window,
        toFloat64(ifNull(c.warn, c.cap)) AS warn,
        toFloat64(ifNull(c.cap, 1e12)) AS cap
    FROM limits AS c
    WHERE c.window IN ('day', 'week', 'month')
        AND c.per = ''
        AND c.tenant = ''
        AND c.workload = ''
        AND c.agent = ''
        AND c.effective_from <= toDate($__toTime, 'UTC')
        AND (c.effective_to IS NULL OR c.effective_to > toDate($__toTime, 'UTC'))
    UNION ALL
    SELECT
        toString(d.feature) AS feature,
        '' AS team,
        '' AS environment,
        concat('default of ', if(d.feature = '', 'what nobody named', d.feature)) AS scope,
        'day' AS window,
        greatest(5, multiIf(age < 7, 5, age < 30, 1.5 * week / least(7, age), 1.5 * peak)) AS warn,
        greatest(25, multiIf(age < 7, 25, age < 30, 3 * week / least(7, age), 4 * peak)) AS cap
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
            AND n.effective_from <= toDate($__toTime, 'UTC')
            AND (n.effective_to IS NULL OR n.effective_to > toDate($__toTime, 'UTC'))
    )
) AS l
CROSS JOIN
(
    SELECT
        t.at AS at,
        toDate(t.at) AS day,
        toString(t.feature) AS feature,
        toString(t.team) AS team,
        toString(t.environment) AS environment,
        toString(t.model) AS model,
        t.usd AS usd
    FROM
    (
        {include:today}
    ) AS t
    UNION ALL
    SELECT
        toDateTime(d.day, 'UTC') AS at,
        d.day AS day,
        toString(d.feature) AS feature,
        toString(d.team) AS team,
        toString(d.environment) AS environment,
        toString(d.response_model) AS model,
        toFloat64(ifNull(d.effective_cost, 0)) AS usd
    FROM spend_daily AS d
    WHERE d.day >= toStartOfMonth(toDate($__toTime, 'UTC')) - 6
        AND d.day < toDate($__toTime, 'UTC')
) AS s
WHERE (l.feature = '' AND l.scope NOT LIKE 'default of %' OR s.feature = l.feature)
    AND (l.team = '' OR s.team = l.team)
    AND (l.environment = '' OR s.environment = l.environment)
GROUP BY
    feature,
    environment,
    scope,
    window,
    warn,
    cap
