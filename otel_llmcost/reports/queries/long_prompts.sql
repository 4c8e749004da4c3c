-- Features whose prompts grew: the calls of each model in order of time are cut into slices of five calls or more, and
-- those slices count whose mean prompt is several times as long as that of the usual slice.
WITH sliced AS
(
    SELECT
        c.feature AS feature,
        c.operation AS operation,
        if(c.response_model = '', c.request_model, c.response_model) AS model,
        c.started_at AS started_at,
        c.input_tokens AS tokens,
        c.list_cost AS cost,
        count() OVER (PARTITION BY feature, operation, model) AS n,
        row_number() OVER (PARTITION BY feature, operation, model ORDER BY c.started_at) AS position,
        intDiv((position - 1) * least(20, intDiv(n, 5)), n) AS slice
    FROM llm_calls AS c
    WHERE c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
        AND c.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
        AND c.correction_id = ''
        AND c.usage_quality != 'missing'
),
slices AS
(
    SELECT
        s.feature AS feature,
        s.operation AS operation,
        s.model AS model,
        s.slice AS slice,
        min(s.started_at) AS first_at,
        count() AS calls,
        sum(s.cost) AS list_cost,
        avg(s.tokens) AS mean
    FROM sliced AS s
    WHERE s.n >= 20
    GROUP BY
        feature,
        operation,
        model,
        slice
),
usual AS
(
    SELECT
        feature,
        operation,
        model,
        quantileExactLow(0.5)(mean) AS tokens
    FROM slices
    GROUP BY
        feature,
        operation,
        model
)
SELECT
    l.feature AS feature,
    '' AS tenant,
    l.model AS subject,
    toUnixTimestamp64Nano(min(l.first_at)) AS since_ns,
    toInt64(sum(l.calls)) AS calls,
    sum(l.list_cost) AS list_cost,
    toString(toInt64(round(any(u.tokens)))) AS was,
    toString(toInt64(round(sum(l.mean * l.calls) / sum(l.calls)))) AS became,
    sum(l.mean * l.calls) / sum(l.calls) / any(u.tokens) AS factor
FROM slices AS l
INNER JOIN usual AS u ON u.feature = l.feature
    AND u.operation = l.operation
    AND u.model = l.model
WHERE u.tokens >= 100
    AND l.mean >= 2.5 * u.tokens
GROUP BY
    feature,
    l.operation,
    subject
ORDER BY list_cost DESC NULLS LAST
LIMIT {limit:UInt64};
