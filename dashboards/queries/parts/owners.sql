-- Who answers for each feature today.
owners AS
(
    SELECT
        f.feature AS feature,
        any(f.owner) AS owner,
        any(f.channel) AS channel,
        any(f.runbook) AS runbook,
        any(f.cost_center) AS cost_center,
        any(f.expected_calls_per_request) AS expected_calls
    FROM features AS f
    WHERE f.effective_from <= today
        AND (f.effective_to IS NULL OR f.effective_to > today)
    GROUP BY feature
)
