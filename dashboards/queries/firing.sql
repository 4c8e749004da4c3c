-- What fired in the last day and was not followed by a word that it is over.
SELECT
    max(e.occurred_at) AS last_fired,
    e.subject AS alert,
    e.severity AS severity,
    if(e.feature = '', '(unattributed)', e.feature) AS feature,
    argMax(e.reason, e.occurred_at) AS message
FROM cost_events AS e
WHERE e.kind = 'anomaly'
    AND e.occurred_at > $__toTime - INTERVAL 24 HOUR
    AND e.occurred_at <= $__toTime
    AND e.details['fingerprint'] NOT IN
    (
        SELECT n.details['fingerprint']
        FROM cost_events AS n
        WHERE n.kind = 'notification'
            AND n.occurred_at > $__toTime - INTERVAL 48 HOUR
            AND n.occurred_at <= $__toTime
        GROUP BY n.details['fingerprint']
        HAVING argMax(n.became, n.occurred_at) = 'over'
    )
GROUP BY
    alert,
    severity,
    feature
ORDER BY last_fired DESC
LIMIT 20
