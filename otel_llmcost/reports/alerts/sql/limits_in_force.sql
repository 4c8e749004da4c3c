-- The limits of the catalogue that hold today, each with the moment since which its window runs: the hour is the last
-- sixty minutes, the other windows begin at midnight (UTC). Without a window it is the life of a session or user action,
-- of which the last seven days count.
SELECT
    toString(c.scope) AS scope,
    toString(c.per) AS per,
    toString(c.window) AS window,
    toString(c.feature) AS feature,
    toString(c.team) AS team,
    toString(c.environment) AS environment,
    toString(c.tenant) AS tenant,
    toString(c.workload) AS workload,
    toString(c.agent) AS agent,
    toFloat64(ifNull(c.warn, c.cap)) AS warn,
    toFloat64(ifNull(c.cap, 1e12)) AS cap,
    multiIf(
        c.window = 'hour', $__toTime - INTERVAL 1 HOUR,
        c.window = 'day', toDateTime(toDate($__toTime, 'UTC'), 'UTC'),
        c.window = 'week', toDateTime(toMonday(toDate($__toTime, 'UTC')), 'UTC'),
        c.window = 'month', toDateTime(toStartOfMonth(toDate($__toTime, 'UTC')), 'UTC'),
        $__toTime - INTERVAL 168 HOUR
    ) AS since
FROM limits AS c
WHERE c.effective_from <= toDate($__toTime, 'UTC')
    AND (c.effective_to IS NULL OR c.effective_to > toDate($__toTime, 'UTC'))
    AND (c.warn IS NOT NULL OR c.cap IS NOT NULL)
