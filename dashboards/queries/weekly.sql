-- The five numbers of each feature for the last whole week (Monday to Sunday), against the week before. An alert that
-- goes on for hours is one anomaly a day. What a session costs is asked of all sessions up to four million calls a
-- fortnight, of more of one in two, one in three and so on: that is near enough for a percentile.
WITH
    {include:dates},
    toMonday(today) - 7 AS week,
    spent AS
    (
        SELECT
            d.feature AS feature,
            toFloat64(ifNull(sumIf(d.effective_cost, d.day >= week), 0)) AS usd,
            toFloat64(ifNull(sumIf(d.effective_cost, d.day < week), 0)) AS before
        FROM spend_daily AS d
        WHERE d.day >= week - 7
            AND d.day < week + 7
            {filters:d}
        GROUP BY feature
    ),
    toDateTime(week - 7, 'UTC') AS since,
    toDateTime(week + 8, 'UTC') AS until,
    (
        SELECT greatest(1, intDiv(sum(d.calls), 2000000))
        FROM spend_daily AS d
        WHERE d.day >= week - 7
            AND d.day < week + 7
            {filters:d}
    ) AS every,
    {include:sessions},
    session_costs AS
    (
        SELECT
            s.feature AS feature,
            quantilesExactIf(0.5, 0.95)(s.usd, s.last_started_at >= toDateTime(week, 'UTC')) AS costs,
            toNullable(costs[1]) AS p50,
            toNullable(costs[2]) AS p95,
            toNullable(quantileExactIf(0.95)(s.usd, s.last_started_at < toDateTime(week, 'UTC'))) AS p95_before
        FROM sessions AS s
        WHERE s.last_started_at >= since
            AND s.last_started_at < toDateTime(week + 7, 'UTC')
            AND s.usd IS NOT NULL
        GROUP BY feature
    ),
    events AS
    (
        SELECT
            e.feature AS feature,
            uniqExactIf((e.subject, e.details['fingerprint'], toDate(e.occurred_at)), e.kind = 'anomaly') AS anomalies,
            countIf(e.kind IN ('refusal', 'stopped')) AS stopped
        FROM cost_events AS e
        WHERE e.occurred_at >= toDateTime(week, 'UTC')
            AND e.occurred_at < toDateTime(week + 7, 'UTC')
        GROUP BY feature
    )
SELECT
    if(s.feature = '', '(unattributed)', s.feature) AS feature,
    s.usd AS spend_usd,
    if(s.before = 0, NULL, s.usd / s.before - 1) AS spend_change_share,
    q.p50 AS median_a_session_usd,
    q.p95 AS p95_a_session_usd,
    if(q.p95_before = 0, NULL, q.p95 / q.p95_before - 1) AS p95_change_share,
    ifNull(e.anomalies, 0) AS anomalies_count,
    ifNull(e.stopped, 0) AS stopped_count
FROM spent AS s
LEFT JOIN session_costs AS q ON q.feature = s.feature
LEFT JOIN events AS e ON e.feature = s.feature
ORDER BY
    spend_usd DESC,
    feature
