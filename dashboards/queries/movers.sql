-- The features that moved most between the normal day and yesterday, and what moved them.
WITH
    {include:dates},
    {include:normal_day},
    {include:movers},
    {include:owners}
SELECT
    if(m.feature = '', '(unattributed)', m.feature) AS feature,
    toFloat64(m.became) AS yesterday_usd,
    toFloat64(m.normal) AS normal_usd,
    toFloat64(m.change) AS change_usd,
    m.driver.1 AS main_driver,
    toFloat64(m.driver.2) AS driver_usd,
    o.owner AS owner
FROM movers AS m
LEFT JOIN owners AS o ON o.feature = m.feature
ORDER BY
    abs(m.change) DESC,
    feature
LIMIT 8
