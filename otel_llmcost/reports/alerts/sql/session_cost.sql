-- Sessions that cost five times the median session of the last seven days, and at least 1 USD; one alert a feature.
SELECT
    s.feature AS feature,
    '' AS environment,
    '' AS tenant,
    'sessions' AS subject,
    max(s.usd / u.median) AS value,
    sum(s.usd) AS usd,
    toDateTime(min(s.first_started_at), 'UTC') AS since,
    concat(toString(count()), if(count() = 1, ' session', ' sessions'), ', the dearest $', toDecimalString(max(s.usd), 2), ', the median session $', toDecimalString(any(u.median), 2), ', up to ', toString(max(s.calls)), ' calls in one') AS what,
    'calls a session' AS driver,
    arrayMap(each -> each.2, arraySlice(arrayReverseSort(groupArray((s.usd, concat(s.tenant, ' ', s.session_id)))), 1, 3)) AS offenders
FROM
(
    SELECT
        l.feature AS feature,
        l.tenant AS tenant,
        l.session_id AS session_id,
        min(l.started_at) AS first_started_at,
        countIf(l.correction_id = '') AS calls,
        toFloat64(ifNull(sum(l.effective_cost), 0)) AS usd
    FROM llm_calls AS l
    WHERE l.started_at > $__toTime - INTERVAL 6 HOUR
        AND l.started_at <= $__toTime
        AND l.session_id != ''
    GROUP BY
        feature,
        tenant,
        session_id
    HAVING max(l.started_at) > $__toTime - INTERVAL 1 HOUR
) AS s
INNER JOIN
(
    SELECT
        d.feature AS feature,
        greatest(0.01, toFloat64(quantileExact(0.5)(d.effective_cost))) AS median
    FROM session_spend_hourly AS d
    WHERE d.hour >= toStartOfHour($__toTime, 'UTC') - INTERVAL 7 DAY
        AND d.hour < toStartOfHour($__toTime, 'UTC') - INTERVAL 6 HOUR
        AND d.effective_cost IS NOT NULL
    GROUP BY feature
) AS u ON u.feature = s.feature
WHERE s.usd >= 1
    AND s.usd >= 5 * u.median
GROUP BY feature
