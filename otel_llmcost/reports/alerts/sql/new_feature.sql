-- A feature spends that did not in the last 28 days and that the catalogue does not announce: 1 USD since yesterday.
SELECT
    n.feature AS feature,
    '' AS environment,
    '' AS tenant,
    'new feature' AS subject,
    n.usd AS value,
    n.usd AS usd,
    n.since AS since,
    concat('$', toDecimalString(n.usd, 2), ' since its first call') AS what,
    concat(toString(n.calls), ' calls') AS driver,
    n.offender AS offender
FROM
(
    SELECT
        toString(c.feature) AS feature,
        count() AS calls,
        toFloat64(ifNull(sum(c.effective_cost), 0)) AS usd,
        toDateTime(min(c.started_at), 'UTC') AS since,
        topK(1)(toString(c.call_site))[1] AS offender
    FROM llm_calls AS c
    WHERE c.started_at > $__toTime - INTERVAL 1 DAY
        AND c.started_at <= $__toTime
        AND c.feature != ''
    GROUP BY feature
) AS n
WHERE n.usd >= 1
    AND n.feature NOT IN
    (
        SELECT toString(d.feature)
        FROM spend_daily AS d
        WHERE d.day >= toDate($__toTime, 'UTC') - 28
            AND d.day < toDate($__toTime, 'UTC') - 1
    )
    AND n.feature NOT IN (SELECT toString(f.feature) FROM features AS f)
    AND (SELECT min(d.day) FROM spend_daily AS d WHERE d.day >= toDate($__toTime, 'UTC') - 28) <= toDate($__toTime, 'UTC') - 7
