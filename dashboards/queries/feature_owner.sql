-- Who answers for each chosen feature, what to do, and what stops it: the service and version that call, their key.
WITH
    {include:dates},
    {include:owners}
SELECT
    if(u.feature = '', '(unattributed)', u.feature) AS feature,
    nullIf(o.owner, '') AS owner,
    nullIf(o.channel, '') AS channel,
    nullIf(o.runbook, '') AS runbook,
    nullIf(o.expected_calls, 0) AS expected_calls,
    concat('roll back ', u.service, if(u.version = '', '', concat(' ', u.version)), if(u.credential = '', '', concat(', or revoke the key ', u.credential))) AS to_stop_it
FROM
(
    SELECT
        c.feature AS feature,
        topK(1)(c.service_name)[1] AS service,
        argMax(c.service_version, c.started_at) AS version,
        topK(1)(c.credential_id)[1] AS credential,
        sum(c.effective_cost) AS usd
    FROM llm_calls AS c
    WHERE c.started_at > $__toTime - INTERVAL 24 HOUR
        AND c.started_at <= $__toTime
        {filters:c}
    GROUP BY feature
) AS u
LEFT JOIN owners AS o ON o.feature = u.feature
ORDER BY
    u.usd DESC NULLS LAST,
    feature
LIMIT 20
