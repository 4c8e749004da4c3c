-- A limit's cap is reached. Of each user, session or user action by itself there is one alert for all of them.
SELECT
    l.feature AS feature,
    l.environment AS environment,
    l.tenant AS tenant,
    concat(if(l.window = '', 'life', l.window), ' ', if(l.scope = '', 'everything', l.scope), if(l.per = '', '', concat(', each ', l.per))) AS subject,
    max(l.spent / l.cap) AS value,
    sum(l.spent) AS usd,
    min(l.since) AS since,
    concat(
        if(l.per IN ('', 'tenant'), '', concat(argMax(l.name, l.spent), ': ')),
        '$', toDecimalString(max(l.spent), 2), ' of $', toDecimalString(any(l.cap), 2), ' for ',
        if(l.window = '', concat('the ', if(l.per = 'request', 'user action', l.per)), concat('the ', l.window)),
        if(count() = 1, '', concat('; ', toString(count() - 1), ' more'))
    ) AS what,
    if(empty(argMax(l.models, l.spent) AS models), '', concat('mostly ', models[1])) AS driver,
    if(l.per IN ('', 'tenant'), any(l.features), arrayMap(each -> each.2, arraySlice(arrayReverseSort(groupArray((l.spent, l.name))), 1, 3))) AS offenders,
    sum(l.hour_usd) AS hour_usd
FROM
(
    {include:limits_reached}
) AS l
WHERE l.spent >= l.cap
GROUP BY
    l.feature,
    l.environment,
    l.tenant,
    l.scope,
    l.per,
    l.window
