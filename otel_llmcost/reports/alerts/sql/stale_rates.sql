-- The newest rates of the store were loaded more than 45 days ago, or calls of the last day were priced by a table that
-- priced none in the six days before: prices changed.
SELECT
    '' AS feature,
    '' AS environment,
    '' AS tenant,
    s.subject AS subject,
    s.value AS value,
    0 AS usd,
    $__toTime AS since,
    s.what AS what,
    'rates' AS driver,
    [s.offender] AS offenders
FROM
(
    SELECT
        'old rates' AS subject,
        toFloat64(dateDiff('day', toDateTime(max(r.loaded_at), 'UTC'), $__toTime)) AS value,
        concat('the newest rates are ', toString(toInt64(value)), ' days old') AS what,
        toString(argMax(r.rate_table_version, r.loaded_at)) AS offender
    FROM rates AS r
    HAVING count() > 0
        AND value > 45
    UNION ALL
    SELECT
        concat('rate table ', t.version) AS subject,
        toFloat64(t.calls) AS value,
        concat(toString(t.calls), ' calls of the last day were priced by the rate table ', t.version, ', none before') AS what,
        t.version AS offender
    FROM
    (
        SELECT
            toString(c.rate_table_version) AS version,
            countIf(c.started_at > $__toTime - INTERVAL 24 HOUR) AS calls,
            countIf(c.started_at <= $__toTime - INTERVAL 24 HOUR) AS before
        FROM llm_calls_log AS c
        WHERE c.started_at > $__toTime - INTERVAL 168 HOUR
            AND c.started_at <= $__toTime
            AND c.rate_table_version != ''
            AND c.correction_id = ''
        GROUP BY version
    ) AS t
    WHERE t.calls > 0
        AND t.before = 0
        AND (SELECT min(d.day) FROM spend_daily AS d WHERE d.day >= toDate($__toTime, 'UTC') - 7) <= toDate($__toTime, 'UTC') - 6
) AS s
