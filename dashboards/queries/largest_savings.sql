-- The three savings that would bring most in a month.
WITH
    {include:dates},
    {include:savings},
    {include:owners}
SELECT
    if(l.feature = '', '(unattributed)', l.feature) AS feature,
    l.lever AS lever,
    l.usd AS a_month_usd,
    l.confidence AS confidence,
    o.owner AS owner
FROM levers AS l
LEFT JOIN owners AS o ON o.feature = l.feature
WHERE l.usd >= 1
ORDER BY
    a_month_usd DESC,
    feature,
    lever
LIMIT 3
