-- A model has no price that did not lack one in the last seven days. Its cost is unknown, so there is no floor.
SELECT
    '' AS feature,
    '' AS environment,
    '' AS tenant,
    concat('model ', n.model) AS subject,
    toFloat64(n.calls) AS value,
    0 AS usd,
    n.since AS since,
    concat(toString(n.calls), if(n.calls = 1, ' call of ', ' calls of '), n.provider, '/', n.model, ' without a price, ', toString(n.tokens), ' tokens') AS what,
    if(n.status = '', 'no rate', n.status) AS driver,
    n.offenders AS offenders
FROM
(
    SELECT
        toString(c.provider) AS provider,
        if(c.response_model = '', c.request_model, c.response_model) AS model,
        count() AS calls,
        sum(c.input_tokens + c.output_tokens) AS tokens,
        toDateTime(min(c.started_at), 'UTC') AS since,
        topK(1)(toString(c.price_detail))[1] AS status,
        topK(3)(toString(c.feature)) AS offenders
    FROM llm_calls AS c
    WHERE c.started_at > $__toTime - INTERVAL 1 HOUR
        AND c.started_at <= $__toTime
        AND c.correction_id = ''
        AND c.list_cost IS NULL
        AND c.price_status = 'unpriced_model'
    GROUP BY
        provider,
        model
) AS n
WHERE (n.provider, n.model) NOT IN
(
    SELECT
        toString(l.provider),
        if(l.response_model = '', l.request_model, l.response_model)
    FROM llm_calls_log AS l
    WHERE l.started_at > $__toTime - INTERVAL 168 HOUR
        AND l.started_at <= $__toTime - INTERVAL 24 HOUR
        AND l.correction_id = ''
        AND l.price_status = 'unpriced_model'
)
