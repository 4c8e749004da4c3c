-- A feature answers by a model that it did not use in the last 28 days, at twice the cost a call, and this costs 5 USD a
-- day more at the pace of the last hour.
SELECT
    n.feature AS feature,
    '' AS environment,
    '' AS tenant,
    concat('model ', n.model) AS subject,
    n.a_call / o.a_call AS value,
    n.usd AS usd,
    n.since AS since,
    concat('$', toDecimalString(n.a_call, 4), ' a call by ', n.model, ', usually $', toDecimalString(o.a_call, 4)) AS what,
    'another model' AS driver,
    [n.model] AS offenders
FROM
(
    SELECT
        c.feature AS feature,
        if(c.response_model = '', c.request_model, c.response_model) AS model,
        c.operation AS operation,
        count() AS calls,
        toFloat64(ifNull(sum(c.effective_cost), 0)) AS usd,
        usd / calls AS a_call,
        toDateTime(min(c.started_at), 'UTC') AS since
    FROM llm_calls AS c
    WHERE c.started_at > $__toTime - INTERVAL 1 HOUR
        AND c.started_at <= $__toTime
        AND c.correction_id = ''
        AND c.attempt_kind = 'first'
        AND c.error_type = ''
    GROUP BY
        feature,
        model,
        operation
) AS n
INNER JOIN
(
    SELECT
        d.feature AS feature,
        d.operation AS operation,
        groupUniqArray(toString(d.response_model)) AS models,
        toFloat64(ifNull(sum(d.effective_cost), 0)) / greatest(1, sum(d.calls)) AS a_call
    FROM spend_daily AS d
    WHERE d.day >= toDate($__toTime, 'UTC') - 28
        AND d.day < toDate($__toTime, 'UTC')
    GROUP BY
        feature,
        operation
    HAVING sum(d.calls) >= 20
) AS o ON o.feature = n.feature
    AND o.operation = n.operation
WHERE n.calls >= 3
    AND NOT has(o.models, n.model)
    AND n.a_call >= 2 * o.a_call
    AND (n.usd - n.calls * o.a_call) * 24 >= 5
