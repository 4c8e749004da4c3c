-- How far yesterday and today can be believed: how many calls have a feature and a price, and how late calls arrive.
WITH
    {include:dates}
SELECT
    if(sum(d.calls) = 0, NULL, sumIf(d.calls, d.feature != '') / sum(d.calls)) AS named_share,
    if(sum(d.calls) = 0, NULL, 1 - sum(d.unpriced_calls) / sum(d.calls)) AS priced_share,
    (
        SELECT if(count() = 0, NULL, quantileExactInclusive(0.95)(
            greatest(0, toUnixTimestamp64Milli(c.received_at) - toUnixTimestamp64Milli(c.started_at) - intDiv(c.duration_ns, 1000000)) / 1000
        ))
        FROM llm_calls AS c
        WHERE c.started_at > $__toTime - INTERVAL 1 HOUR
            AND c.started_at <= $__toTime
            AND c.correction_id = ''
    ) AS lag_p95_s
FROM spend_daily AS d
WHERE d.day >= yesterday
    AND d.day <= today
    {filters:d}
HAVING sum(d.calls) > 0
