-- A limit's warning is reached, its cap is not.
SELECT
    l.feature AS feature,
    l.environment AS environment,
    '' AS tenant,
    concat(l.window, ' ', if(l.scope = '', 'everything', l.scope)) AS subject,
    l.spent / l.warn AS value,
    l.spent AS usd,
    toDateTime(l.first_day, 'UTC') AS since,
    concat('$', toDecimalString(l.spent, 2), ' of $', toDecimalString(l.warn, 2), ' for the ', l.window) AS what,
    if(empty(l.models), '', concat('mostly ', l.models[1])) AS driver,
    l.features AS offenders,
    l.hour_usd AS hour_usd
FROM
(
    {include:limits_reached}
) AS l
WHERE l.spent >= l.warn AND l.spent < l.cap
