-- Calls got longer: a system prompt that is new (no call in the last seven days before today had it) makes the last
-- hour's calls half as long again as they were, or calls are two and a half times as long under the old one. At least
-- five calls, and 5 USD a day at this pace for the tokens that are more.
SELECT
    n.feature AS feature,
    '' AS environment,
    '' AS tenant,
    if(n.is_new, concat('prompt ', n.prompt), 'prompt length') AS subject,
    n.tokens / o.tokens AS value,
    n.usd AS usd,
    n.since AS since,
    concat(toString(toInt64(n.tokens)), ' input tokens a call, usually ', toString(toInt64(o.tokens))) AS what,
    if(n.is_new, 'a new system prompt', 'longer requests') AS driver,
    [n.prompt] AS offenders
FROM
(
    SELECT
        c.feature AS feature,
        toString(c.prompt_hash) AS prompt,
        c.operation AS operation,
        prompt != '' AND (c.feature, prompt) NOT IN
        (
            SELECT
                p.feature,
                toString(p.prompt_hash)
            FROM prompt_shape_daily AS p
            WHERE p.day >= toDate($__toTime, 'UTC') - 7
                AND p.day < toDate($__toTime, 'UTC')
        ) AS is_new,
        count() AS calls,
        avg(c.input_tokens) AS tokens,
        toFloat64(ifNull(sum(c.effective_cost), 0)) AS usd,
        toDateTime(min(c.started_at), 'UTC') AS since
    FROM llm_calls AS c
    WHERE c.started_at > $__toTime - INTERVAL 1 HOUR
        AND c.started_at <= $__toTime
        AND c.correction_id = ''
        AND c.usage_quality != 'missing'
    GROUP BY
        feature,
        prompt,
        operation
) AS n
INNER JOIN
(
    SELECT
        p.feature AS feature,
        p.operation AS operation,
        sum(p.input_tokens) / greatest(1, sum(p.measured_calls)) AS tokens
    FROM prompt_shape_daily AS p
    WHERE p.day >= toDate($__toTime, 'UTC') - 7
        AND p.day < toDate($__toTime, 'UTC')
    GROUP BY
        feature,
        operation
    HAVING sum(p.measured_calls) >= 20
) AS o ON o.feature = n.feature
    AND o.operation = n.operation
WHERE n.calls >= 5
    AND n.tokens >= if(n.is_new, 1.5, 2.5) * o.tokens
    AND n.usd * 24 * (1 - o.tokens / n.tokens) >= 5
