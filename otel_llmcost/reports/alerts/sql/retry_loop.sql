-- A user action that asks the same again and again, each time with success: one request three times and more for at
-- least 0.50 USD or ten times, or three times the calls that the catalogue expects (and ten at least) for 0.50 USD. More
-- users do not make this fire. One alert a feature, with the worst action.
SELECT
    r.feature AS feature,
    '' AS environment,
    '' AS tenant,
    'retry loop' AS subject,
    toFloat64(max(r.repeats)) AS value,
    sum(r.usd) AS usd,
    toDateTime(min(r.first_at), 'UTC') AS since,
    concat(toString(count()), if(count() = 1, ' user action', ' user actions'), ', the longest of ', toString(max(r.calls)), ' calls') AS what,
    'calls a user action' AS driver,
    arrayMap(each -> each.2, arraySlice(arrayReverseSort(groupArray((r.usd, concat(r.tenant, ' ', r.request_id)))), 1, 3)) AS offenders
FROM
(
    SELECT
        c.feature AS feature,
        c.tenant AS tenant,
        c.request_id AS request_id,
        min(c.started_at) AS first_at,
        count() AS calls,
        count() - uniqExactIf(c.request_hash, c.request_hash != '') - countIf(c.request_hash = '') + 1 AS repeats,
        toFloat64(ifNull(sum(c.effective_cost), 0)) AS usd
    FROM llm_calls AS c
    WHERE c.started_at > $__toTime - INTERVAL 1 HOUR
        AND c.started_at <= $__toTime
        AND c.correction_id = ''
        AND c.request_id != ''
    GROUP BY
        feature,
        tenant,
        request_id
) AS r
LEFT JOIN
(
    SELECT
        f.feature AS feature,
        any(f.expected_calls_per_request) AS expected
    FROM features AS f
    WHERE f.effective_from <= toDate($__toTime, 'UTC')
        AND (f.effective_to IS NULL OR f.effective_to > toDate($__toTime, 'UTC'))
    GROUP BY feature
) AS e ON e.feature = r.feature
WHERE (r.repeats >= 3 AND (r.usd >= 0.5 OR r.repeats >= 10))
    OR (e.expected > 0 AND r.calls > greatest(9, 3 * e.expected) AND r.usd >= 0.5)
GROUP BY feature
