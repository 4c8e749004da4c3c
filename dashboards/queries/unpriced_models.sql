-- The calls of the last day without a price, by model and reason.
SELECT
    c.provider AS provider,
    if(c.response_model = '', c.request_model, c.response_model) AS model,
    c.price_status AS status,
    any(c.price_detail) AS detail,
    count() AS calls,
    sum(c.input_tokens) AS input_tokens,
    sum(c.output_tokens) AS output_tokens
FROM unpriced AS c
WHERE c.started_at > $__toTime - INTERVAL 24 HOUR
    AND c.started_at <= $__toTime
    {filters:c}
GROUP BY
    provider,
    model,
    status
ORDER BY
    calls DESC,
    model
LIMIT 20
