-- Each feature in a line: what it cost, how near its limit it is, and whether its calls changed their shape.
-- Input tokens a call are compared with the seven days before the last seven.
WITH
    {include:dates},
    toStartOfMonth(today) AS first_day,
    caps AS
    (
        SELECT
            l.feature AS feature,
            toNullable(toFloat64(min(l.warn))) AS warn,
            toNullable(toFloat64(min(l.cap))) AS cap
        FROM limits AS l
        WHERE l.window = 'day'
            AND l.per = ''
            AND l.feature != ''
            AND l.effective_from <= today
            AND (l.effective_to IS NULL OR l.effective_to > today)
        GROUP BY feature
    ),
    spent AS
    (
        SELECT
            d.feature AS feature,
            toFloat64(ifNull(sumIf(d.effective_cost, d.day = yesterday), 0)) AS yesterday_usd,
            toFloat64(ifNull(sumIf(d.effective_cost, d.day = today), 0)) AS today_usd,
            toFloat64(ifNull(sumIf(d.effective_cost, d.day >= today - 7 AND d.day < today), 0)) AS week,
            toFloat64(ifNull(sumIf(d.effective_cost, d.day >= first_day), 0)) AS month_usd,
            sumIf(d.calls, d.day >= today - 7 AND d.day < today) AS week_calls,
            sumIf(d.calls, d.day >= today - 14 AND d.day < today - 7) AS calls_before,
            sumIf(d.input_tokens, d.day >= today - 7 AND d.day < today) AS week_input,
            sumIf(d.input_tokens, d.day >= today - 14 AND d.day < today - 7) AS input_before,
            sumIf(d.cache_read_tokens, d.day >= today - 7 AND d.day < today) AS week_cached,
            toFloat64(ifNull(sumIf(d.wasted_effective_cost, d.day >= today - 7 AND d.day < today), 0)) AS wasted
        FROM spend_daily AS d
        WHERE d.day >= least(first_day, today - 14)
            AND d.day <= today
            {filters:d}
        GROUP BY feature
    )
SELECT
    if(s.feature = '', '(unattributed)', s.feature) AS feature,
    s.yesterday_usd AS yesterday_usd,
    s.week / 7 AS mean_of_7_days_usd,
    s.month_usd AS month_usd,
    multiIf(
        c.cap IS NULL AND c.warn IS NULL, 'no limit',
        s.today_usd >= c.cap, 'over cap',
        s.today_usd >= c.warn, 'warned',
        'ok'
    ) AS limit_state,
    if(s.week_calls = 0, NULL, s.week / s.week_calls) AS a_call_usd,
    if(s.week_calls = 0, NULL, s.week_input / s.week_calls) AS input_a_call_tokens,
    if(s.week_calls = 0 OR s.input_before = 0, NULL, s.week_input / s.week_calls / (s.input_before / s.calls_before) - 1) AS input_change_share,
    if(s.week_input = 0, NULL, s.week_cached / s.week_input) AS cache_hit_share,
    s.wasted AS wasted_usd
FROM spent AS s
LEFT JOIN caps AS c ON c.feature = s.feature
ORDER BY
    yesterday_usd DESC,
    feature
