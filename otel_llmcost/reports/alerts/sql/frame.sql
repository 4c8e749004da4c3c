-- What every alert says: the rule's own words, who answers for the feature, what the day comes to at the pace of the
-- last hour, and what changed in the last two days.
WITH
(
    SELECT mapFromArrays(groupArray(toString(m.feature)), groupArray(m.marker))
    FROM
    (
        {include:changes}
    ) AS m
) AS markers
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
    toFloat64({by_midnight}) AS by_midnight_usd,
    toFloat64(toUnixTimestamp(f.since)) AS since_s,
    f.what AS what,
    f.driver AS driver,
    arrayDistinct(arrayFilter(each -> each != '', arrayMap(each -> trimBoth(each), f.offenders))) AS offenders,
    offenders[1] AS offender,
    if(mapContains(markers, toString(f.feature)), markers[toString(f.feature)], markers['']) AS marker
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
{pace}
ORDER BY
    so_far_usd DESC,
    feature,
    subject
