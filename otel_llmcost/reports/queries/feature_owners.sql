-- Who answers for each feature on a day, and where that is talked about.
SELECT
    f.feature AS feature,
    any(f.owner) AS owner,
    any(f.channel) AS channel
FROM features AS f
WHERE f.effective_from <= {day:Date}
    AND (f.effective_to IS NULL OR f.effective_to > {day:Date})
GROUP BY feature
ORDER BY feature
