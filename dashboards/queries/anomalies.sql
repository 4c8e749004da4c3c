-- What fired since the last Monday but one, and its root cause, or that it is open.
WITH
    {include:dates}
SELECT
    min(e.occurred_at) AS first_fired,
    e.subject AS alert,
    if(e.feature = '', '(unattributed)', e.feature) AS feature,
    argMax(e.reason, e.occurred_at) AS message,
    count() AS times_count,
    if(max(e.details['root_cause']) = '', 'open', max(e.details['root_cause'])) AS root_cause
FROM cost_events AS e
WHERE e.kind = 'anomaly'
    AND e.occurred_at >= toDateTime(toMonday(today) - 7, 'UTC')
    AND e.occurred_at <= $__toTime
GROUP BY
    alert,
    e.feature
ORDER BY first_fired DESC
LIMIT 30
