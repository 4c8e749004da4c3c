-- Every saving found, the largest first, with its arithmetic.
WITH
    {include:dates},
    {include:savings},
    {include:owners}
SELECT
    if(l.feature = '', '(unattributed)', l.feature) AS feature,
    l.lever AS lever,
    sum(l.usd) AS a_month_usd,
    any(l.confidence) AS confidence,
    argMax(l.arithmetic, l.usd) AS arithmetic,
    any(o.owner) AS owner
FROM levers AS l
LEFT JOIN owners AS o ON o.feature = l.feature
GROUP BY
    feature,
    lever
HAVING a_month_usd >= 1
ORDER BY
    a_month_usd DESC,
    feature,
    lever
LIMIT 50
