-- An API key called in the last hour that did not in the last 28 days, and spent a dollar.
SELECT
    '' AS feature,
    '' AS environment,
    '' AS tenant,
    concat('key ', n.credential) AS subject,
    n.usd AS value,
    n.usd AS usd,
    n.since AS since,
    concat('$', toDecimalString(n.usd, 2), ' in ', toString(n.calls), ' calls by a key that was not seen before') AS what,
    'a new API key' AS driver,
    n.offenders AS offenders
FROM
(
    SELECT
        toString(c.credential_id) AS credential,
        count() AS calls,
        toFloat64(ifNull(sum(c.effective_cost), 0)) AS usd,
        toDateTime(min(c.started_at), 'UTC') AS since,
        topKWeighted(3)(concat(c.service_name, ' ', c.feature), toUInt64(1e6 * greatest(0, toFloat64(ifNull(c.effective_cost, 0))))) AS offenders
    FROM llm_calls AS c
    WHERE c.started_at > $__toTime - INTERVAL 1 HOUR
        AND c.started_at <= $__toTime
        AND c.credential_id != ''
    GROUP BY credential
) AS n
WHERE n.usd >= 1
    AND n.credential NOT IN
    (
        SELECT toString(l.credential_id)
        FROM llm_calls_log AS l
        WHERE l.started_at > $__toTime - INTERVAL 672 HOUR
            AND l.started_at <= $__toTime - INTERVAL 24 HOUR
        GROUP BY l.credential_id
    )
    AND EXISTS
    (
        SELECT 1
        FROM spend_daily AS d
        WHERE d.day >= toDate($__toTime, 'UTC') - 28
            AND d.day <= toDate($__toTime, 'UTC') - 7
    )
