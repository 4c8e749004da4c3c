-- Why calls have no price, the most frequent reason first.
SELECT
    c.price_status AS price_status,
    c.provider AS provider,
    if(c.response_model = '', c.request_model, c.response_model) AS model,
    any(c.price_detail) AS detail,
    count() AS calls
FROM unpriced AS c
WHERE c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
    AND c.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
GROUP BY
    price_status,
    provider,
    model
ORDER BY
    calls DESC,
    price_status,
    model
LIMIT {limit:UInt64};
