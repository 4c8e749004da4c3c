-- The month will pass its plan: what was spent, and the rest of the month at the mean of the last seven whole days, come
-- to a tenth more than the month's limit of everything. Not before a fifth of the plan is spent.
SELECT
    '' AS feature,
    '' AS environment,
    '' AS tenant,
    'month' AS subject,
    m.projected / m.plan AS value,
    m.spent AS usd,
    toDateTime(m.first_day, 'UTC') AS since,
    concat('$', toDecimalString(m.projected, 2), ' by the end of the month against $', toDecimalString(m.plan, 2), '; at this pace the plan is used up on ', formatDateTime(m.today + toInt32(greatest(0, m.plan - m.spent) / m.a_day), '%Y-%m-%d')) AS what,
    if(empty(m.offenders), '', concat('mostly ', m.offenders[1])) AS driver,
    m.offenders AS offenders
FROM
(
    SELECT
        toDate($__toTime, 'UTC') AS today,
        toStartOfMonth(today) AS first_day,
        toFloat64(ifNull(sumIf(d.effective_cost, d.day >= first_day AND d.day < today), 0)) AS spent,
        toFloat64(ifNull(sumIf(d.effective_cost, d.day >= today - 7 AND d.day < today), 0)) / 7 AS a_day,
        spent + a_day * toInt32(addMonths(first_day, 1) - today) AS projected,
        topKWeightedIf(3)(toString(d.feature), toUInt64(1e6 * greatest(0, toFloat64(ifNull(d.effective_cost, 0)))), d.day >= today - 7) AS offenders,
        (
            SELECT toFloat64(sum(l.cap))
            FROM limits AS l
            WHERE l.window = 'month'
                AND l.scope = ''
                AND l.per = ''
                AND l.effective_from <= toDate($__toTime, 'UTC')
                AND (l.effective_to IS NULL OR l.effective_to > toDate($__toTime, 'UTC'))
        ) AS plan
    FROM spend_daily AS d
    WHERE d.day >= least(first_day, today - 7)
        AND d.day < today
) AS m
WHERE m.plan > 0
    AND m.spent >= 0.2 * m.plan
    AND m.projected >= 1.1 * m.plan
