-- Days on which one tenant asked several times as often of a feature as the others did on average.
WITH actions AS
(
    SELECT
        formatDateTime(c.started_at, '%Y-%m-%d', {timezone:String}) AS day,
        c.feature AS feature,
        c.tenant AS tenant,
        min(c.started_at) AS first_at,
        count() AS calls,
        sum(c.list_cost) AS list_cost,
        uniqExactIf(c.request_id, c.request_id != '') + countIf(c.request_id = '') AS actions
    FROM llm_calls AS c
    WHERE c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
        AND c.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
        AND c.correction_id = ''
        AND c.feature != ''
        AND c.tenant != ''
    GROUP BY
        day,
        feature,
        tenant
)
SELECT
    a.feature AS feature,
    a.tenant AS tenant,
    a.day AS subject,
    toUnixTimestamp64Nano(a.first_at) AS since_ns,
    a.calls AS calls,
    a.list_cost AS list_cost,
    toString(toInt64(round(others.mean))) AS was,
    toString(a.actions) AS became,
    a.actions / others.mean AS factor
FROM actions AS a
INNER JOIN
(
    SELECT
        o.day AS day,
        o.feature AS feature,
        t.tenant AS tenant,
        avg(o.actions) AS mean
    FROM actions AS o
    INNER JOIN actions AS t ON t.day = o.day
        AND t.feature = o.feature
    WHERE o.tenant != t.tenant
    GROUP BY
        day,
        feature,
        tenant
) AS others ON others.day = a.day
    AND others.feature = a.feature
    AND others.tenant = a.tenant
WHERE a.actions >= 20
    AND a.actions >= 4 * others.mean
ORDER BY list_cost DESC NULLS LAST
LIMIT {limit:UInt64};
