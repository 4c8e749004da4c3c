-- From the normal day to yesterday: the bars between the two sum exactly to their difference.
WITH
    {include:dates},
    {include:normal_day},
    {include:movers},
    totals AS
    (
        SELECT
            sum(m.normal) AS normal,
            sum(m.new_part) AS new_part,
            sum(m.ended_part) AS ended_part,
            sum(m.volume_part) AS volume_part,
            sum(m.tokens_part) AS tokens_part,
            sum(m.cache_part) AS cache_part,
            sum(m.model_part) AS model_part,
            sum(m.price_part) AS price_part,
            sum(m.became) AS became
        FROM movers AS m
        HAVING count() > 0
    )
SELECT
    bar.1 AS step,
    toFloat64(bar.2) AS usd
FROM
(
    SELECT arrayJoin(
        [
            ('normal day', t.normal),
            ('new features', t.new_part),
            ('ended features', t.ended_part),
            ('volume', t.volume_part),
            ('tokens a call', t.tokens_part),
            ('cache mix', t.cache_part),
            ('model mix', t.model_part),
            ('price and fees', t.price_part),
            ('yesterday', t.became)
        ]
    ) AS bar
    FROM totals AS t
)
