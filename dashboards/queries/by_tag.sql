-- The month by the chosen tag. Which tags are summed up is said by `reported_tags` in llmcost.yaml.
WITH
    {include:dates}
SELECT
    d.tag_value AS value,
    toFloat64(ifNull(sum(d.effective_cost), 0)) AS usd
FROM spend_by_tag_daily AS d
WHERE d.day >= toStartOfMonth(today)
    AND d.day <= today
    AND d.tag_key = ${tag:singlequote}
    {filters:d}
GROUP BY value
ORDER BY
    usd DESC,
    value
LIMIT 12
