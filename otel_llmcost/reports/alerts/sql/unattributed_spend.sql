-- A fifth of today's spend and 5 USD have no feature, twice the share of the last seven days.
SELECT
    '' AS feature,
    '' AS environment,
    '' AS tenant,
    'unattributed' AS subject,
    n.part / n.whole AS value,
    n.part AS usd,
    toDateTime(toDate($__toTime, 'UTC'), 'UTC') AS since,
    concat('$', toDecimalString(n.part, 2), ' of $', toDecimalString(n.whole, 2), ' today have no feature') AS what,
    'calls that nobody named' AS driver,
    (
        SELECT topKWeighted(3)(toString(c.call_site), toUInt64(1e6 * greatest(0, toFloat64(ifNull(c.effective_cost, 0)))))
        FROM llm_calls AS c
        WHERE c.started_at > $__toTime - INTERVAL 1 HOUR
            AND c.started_at <= $__toTime
            AND c.feature = ''
    ) AS offenders
FROM
(
    SELECT
        sumIf(t.usd, t.feature = '') AS part,
        greatest(0.01, sum(t.usd)) AS whole
    FROM
    (
        {include:today}
    ) AS t
) AS n
CROSS JOIN
(
    SELECT toFloat64(ifNull(sumIf(d.effective_cost, d.feature = ''), 0)) / greatest(0.01, toFloat64(ifNull(sum(d.effective_cost), 0))) AS share
    FROM spend_daily AS d
    WHERE d.day >= toDate($__toTime, 'UTC') - 7
        AND d.day < toDate($__toTime, 'UTC')
) AS o
WHERE n.part >= 5
    AND n.part >= 0.2 * n.whole
    AND n.part / n.whole >= 2 * o.share
