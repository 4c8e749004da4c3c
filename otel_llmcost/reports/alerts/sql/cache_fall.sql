-- A feature whose cache served a fifth of its input and more over the last seven days serves less than half of that in
-- the last two hours, and this costs 5 USD a day at this pace.
SELECT
    n.feature AS feature,
    '' AS environment,
    '' AS tenant,
    'cache hits' AS subject,
    o.share / greatest(n.share, 0.01) AS value,
    n.usd AS usd,
    n.since AS since,
    concat(toString(round(100 * n.share)), ' % of input read from cache, usually ', toString(round(100 * o.share)), ' %') AS what,
    'fewer cache hits' AS driver,
    n.offenders AS offenders
FROM
(
    SELECT
        c.feature AS feature,
        sum(c.cache_read_tokens) / greatest(1, sum(c.input_tokens)) AS share,
        sum(c.input_tokens) / greatest(1, sum(c.input_tokens + 5 * c.output_tokens - 0.9 * c.cache_read_tokens)) AS input_part,
        toFloat64(ifNull(sum(c.effective_cost), 0)) AS usd,
        countIf(c.usage_quality != 'missing') AS calls,
        toDateTime(min(c.started_at), 'UTC') AS since,
        topKWeighted(3)(concat(c.response_model, ' ', c.prompt_hash), toUInt64(1e6 * greatest(0, toFloat64(ifNull(c.effective_cost, 0))))) AS offenders
    FROM llm_calls AS c
    WHERE c.started_at > $__toTime - INTERVAL 2 HOUR
        AND c.started_at <= $__toTime
        AND c.correction_id = ''
        AND c.operation != 'embeddings'
    GROUP BY feature
) AS n
INNER JOIN
(
    SELECT
        d.feature AS feature,
        sum(d.cache_read_tokens) / greatest(1, sum(d.input_tokens)) AS share
    FROM spend_daily AS d
    WHERE d.day >= toDate($__toTime, 'UTC') - 7
        AND d.day < toDate($__toTime, 'UTC')
        AND d.operation != 'embeddings'
    GROUP BY feature
) AS o ON o.feature = n.feature
WHERE n.calls >= 10
    AND o.share >= 0.2
    AND n.share < 0.5 * o.share
    AND n.usd * 12 * n.input_part * 0.9 * (o.share - n.share) >= 5
