-- What every alert says: the rule's own words, who answers for the feature, what the day comes to at the pace of the
-- last hour, and what changed in the last two days.
SELECT
    f.feature AS feature,
    f.environment AS environment,
    f.tenant AS tenant,
    f.subject AS subject,
    o.owner AS owner,
    o.lead AS lead,
    o.sponsor AS sponsor,
    o.channel AS channel,
    o.runbook AS runbook,
    toFloat64(f.value) AS value,
    toFloat64(f.usd) AS so_far_usd,
    toFloat64(ifNull(t.today_usd, 0)) + toFloat64(ifNull(t.hour_usd, 0)) * (24 - toHour($__toTime, 'UTC') - toMinute($__toTime, 'UTC') / 60) AS by_midnight_usd,
    toFloat64(toUnixTimestamp(f.since)) AS since_s,
    f.what AS what,
    f.driver AS driver,
    f.offender AS offender,
    k.marker AS marker
FROM
(
    {rule}
) AS f
LEFT JOIN
(
    SELECT
        c.feature AS feature,
        any(c.owner) AS owner,
        any(c.lead) AS lead,
        any(c.sponsor) AS sponsor,
        any(c.channel) AS channel,
        any(c.runbook) AS runbook
    FROM features AS c
    WHERE c.effective_from <= toDate($__toTime, 'UTC')
        AND (c.effective_to IS NULL OR c.effective_to > toDate($__toTime, 'UTC'))
    GROUP BY feature
) AS o ON o.feature = f.feature
LEFT JOIN
(
    SELECT
        s.feature AS feature,
        sum(s.usd) AS today_usd,
        sumIf(s.usd, s.at > $__toTime - INTERVAL 1 HOUR) AS hour_usd
    FROM
    (
        {include:today}
    ) AS s
    GROUP BY feature
) AS t ON t.feature = f.feature
LEFT JOIN
(
    SELECT
        e.feature AS feature,
        argMax(concat(replaceAll(e.kind, '_', ' '), ' ', e.subject), e.occurred_at) AS marker
    FROM cost_events AS e
    WHERE e.kind IN ('release', 'prompt_change', 'price_change')
        AND e.occurred_at > $__toTime - INTERVAL 2 DAY
        AND e.occurred_at <= $__toTime
    GROUP BY feature
) AS k ON k.feature = f.feature
ORDER BY
    so_far_usd DESC,
    feature,
    subject
