-- Answers that are cut off by their limit or rejected by the application, and calls that are made again: a fifth of the
-- last two hours' calls, five bad calls at least, three times the share of the last seven days, and 0.25 USD. Where one
-- of a hundred is bad, five of 25 are so by chance once in 200,000 looks.
SELECT
    n.feature AS feature,
    '' AS environment,
    '' AS tenant,
    'unusable answers' AS subject,
    n.share AS value,
    n.usd AS usd,
    n.since AS since,
    concat(toString(round(100 * n.share)), ' % of calls cut off, rejected or made again, usually ', toString(round(100 * ifNull(o.share, 0))), ' %') AS what,
    n.driver AS driver,
    n.offenders AS offenders
FROM
(
    SELECT
        b.feature AS feature,
        countIf(b.is_bad) AS bad,
        bad / count() AS share,
        sumIf(b.usd, b.is_bad) AS usd,
        toDateTime(min(b.started_at), 'UTC') AS since,
        if(countIf(b.is_again) * 2 > bad, 'rejected answers', 'truncated answers') AS driver,
        topKIf(3)(b.why, b.is_bad) AS offenders
    FROM
    (
        SELECT
            c.feature AS feature,
            c.started_at AS started_at,
            c.rejected != '' OR c.attempt_kind IN ('retry', 'fallback') AS is_again,
            is_again OR c.finish_reason IN ('length', 'max_tokens', 'MAX_TOKENS', 'max_output_tokens') AS is_bad,
            toFloat64(ifNull(c.effective_cost, 0)) AS usd,
            coalesce(nullIf(c.rejected, ''), nullIf(c.attempt_reason, ''), c.finish_reason) AS why
        FROM llm_calls AS c
        WHERE c.started_at > $__toTime - INTERVAL 2 HOUR
            AND c.started_at <= $__toTime
            AND c.correction_id = ''
    ) AS b
    GROUP BY feature
) AS n
LEFT JOIN
(
    SELECT
        c.feature AS feature,
        countIf(c.rejected != '' OR c.attempt_kind IN ('retry', 'fallback') OR c.finish_reason IN ('length', 'max_tokens', 'MAX_TOKENS', 'max_output_tokens')) / count() AS share
    FROM llm_calls_log AS c
    WHERE c.started_at > $__toTime - INTERVAL 168 HOUR
        AND c.started_at <= $__toTime - INTERVAL 2 HOUR
        AND c.correction_id = ''
    GROUP BY feature
) AS o ON o.feature = n.feature
WHERE n.bad >= 5
    AND n.share >= 0.2
    AND n.share >= 3 * ifNull(o.share, 0)
    AND n.usd >= 0.25
