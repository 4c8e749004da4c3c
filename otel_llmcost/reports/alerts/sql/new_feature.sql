-- A feature spends that did not in the last 28 days and that the catalogue does not announce: 1 USD since yesterday.
SELECT
    n.feature AS feature,
    '' AS environment,
    '' AS tenant,
    'new feature' AS subject,
    n.usd AS value,
    n.usd AS usd,
    n.since AS since,
    concat('$', toDecimalString(n.usd, 2), ' in ', toString(n.calls), ' calls since its first') AS what,
    'a new feature' AS driver,
    n.offenders AS offenders
FROM
(
    SELECT
        toString(c.feature) AS feature,
        count() AS calls,
        toFloat64(ifNull(sum(c.effective_cost), 0)) AS usd,
        toDateTime(min(c.started_at), 'UTC') AS since,
        topKWeighted(3)(toString(c.call_site), toUInt64(1e6 * greatest(0, toFloat64(ifNull(c.effective_cost, 0))))) AS offenders
    FROM llm_calls AS c
    WHERE c.started_at > $__toTime - INTERVAL 24 HOUR
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
