-- Features whose first attempts went over to a model that costs several times as much a call.
WITH models AS
(
    SELECT
        c.feature AS feature,
        c.operation AS operation,
        c.workload AS workload,
        if(c.response_model = '', c.request_model, c.response_model) AS model,
        min(c.started_at) AS first_at,
        max(c.started_at) AS last_at,
        count() AS calls,
        sum(c.list_cost) AS list_cost,
        toFloat64(sum(c.list_cost)) / count() AS cost_a_call
    FROM llm_calls AS c
    WHERE c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
        AND c.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
        AND c.correction_id = ''
        AND c.attempt_kind = 'first'
        AND c.list_cost IS NOT NULL
    GROUP BY
        feature,
        operation,
        workload,
        model
)
SELECT
    new.feature AS feature,
    '' AS tenant,
    new.workload AS subject,
    toUnixTimestamp64Nano(new.first_at) AS since_ns,
    new.calls AS calls,
    new.list_cost AS list_cost,
    old.model AS was,
    new.model AS became,
    new.cost_a_call / old.cost_a_call AS factor
FROM models AS new
INNER JOIN models AS old ON old.feature = new.feature
    AND old.operation = new.operation
    AND old.workload = new.workload
WHERE old.first_at < new.first_at
    AND new.last_at > old.last_at
    AND new.calls >= 5
    AND old.calls >= 5
    AND new.cost_a_call >= 3 * old.cost_a_call
ORDER BY list_cost DESC NULLS LAST
LIMIT {limit:UInt64};
