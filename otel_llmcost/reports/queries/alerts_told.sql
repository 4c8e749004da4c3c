-- What each contact point was last told of each alert, and when its rule last said so.
SELECT
    n.subject AS point,
    n.details['fingerprint'] AS fingerprint,
    argMax(n.became, n.occurred_at) AS state,
    toUnixTimestamp64Nano(toDateTime64(max(n.occurred_at), 9, 'UTC')) AS told_ns,
    arrayReduce(
        'min',
        arrayMap(
            at -> toUnixTimestamp64Nano(toDateTime64(at, 9, 'UTC')),
            arrayPushBack(arrayFilter(at -> at > maxIf(n.occurred_at, n.became = 'over'), groupArray(n.occurred_at)), max(n.occurred_at))
        )
    ) AS began_ns,
    argMax(n.reason, n.occurred_at) AS subject,
    toString(argMax(n.severity, n.occurred_at)) AS severity,
    toInt64(ifNull(any(s.seen_ns), 0)) AS last_seen_ns
FROM cost_events AS n
LEFT JOIN
(
    SELECT
        e.details['fingerprint'] AS fingerprint,
        toUnixTimestamp64Nano(toDateTime64(max(e.occurred_at), 9, 'UTC')) AS seen_ns
    FROM cost_events AS e
    WHERE e.kind = 'anomaly'
        AND e.occurred_at > fromUnixTimestamp64Nano({at_ns:Int64}, 'UTC') - INTERVAL 2 DAY
        AND e.occurred_at <= fromUnixTimestamp64Nano({at_ns:Int64}, 'UTC')
    GROUP BY fingerprint
) AS s ON s.fingerprint = n.details['fingerprint']
WHERE n.kind = 'notification'
    AND n.occurred_at > fromUnixTimestamp64Nano({at_ns:Int64}, 'UTC') - INTERVAL 30 DAY
    AND n.occurred_at <= fromUnixTimestamp64Nano({at_ns:Int64}, 'UTC')
GROUP BY
    point,
    fingerprint
ORDER BY
    point,
    subject
