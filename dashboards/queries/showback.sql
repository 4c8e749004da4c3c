-- The month by team and cost center, to the cent. Features with a rule for shared cost are a line of their own, calls
-- without a team another; each line is rounded to the cent, and the last line holds what the rounding left, so that the
-- lines sum to the total of the month, rounded once.
WITH
    {include:dates},
    toStartOfMonth(today) AS first_day,
    {include:owners},
    lines AS
    (
        SELECT
            multiIf(s.rule != '', 'shared', d.team = '', 'unallocated', 'direct') AS kind,
            if(kind = 'direct', d.team, kind) AS team,
            if(kind = 'direct', o.cost_center, '') AS cost_center,
            ifNull(sum(d.effective_cost), 0) AS usd,
            round(usd, 2) AS cents
        FROM spend_daily AS d
        LEFT JOIN owners AS o ON o.feature = d.feature
        LEFT JOIN
        (
            SELECT
                f.feature AS feature,
                any(toString(f.shared_cost_rule)) AS rule
            FROM features AS f
            WHERE f.effective_from <= today
                AND (f.effective_to IS NULL OR f.effective_to > today)
            GROUP BY feature
        ) AS s ON s.feature = d.feature
        WHERE d.day >= first_day
            AND d.day <= today
            {filters:d}
        GROUP BY
            kind,
            team,
            cost_center
    )
SELECT
    all_lines.team AS team,
    all_lines.cost_center AS cost_center,
    all_lines.kind AS kind,
    toFloat64(all_lines.money) AS usd
FROM
(
    SELECT 1 AS place, l.team AS team, l.cost_center AS cost_center, l.kind AS kind, l.cents AS money FROM lines AS l
    UNION ALL
    SELECT 2 AS place, 'rounding' AS team, '' AS cost_center, 'rounding' AS kind, round(sum(l.usd), 2) - sum(l.cents) AS money FROM lines AS l HAVING count() > 0
) AS all_lines
ORDER BY
    all_lines.place,
    usd DESC,
    team,
    cost_center
