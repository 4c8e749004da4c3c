-- What the books of a month have to say: what it cost, and whatever of earlier months stands in no books yet, because it
-- came later or because they were never closed. Nothing is written for what adds up to nothing.
SELECT
    d.month AS month,
    d.feature AS feature,
    d.team AS team,
    d.environment AS environment,
    d.provider AS provider,
    d.response_model AS response_model,
    sum(d.calls) AS calls,
    sum(d.unpriced_calls) AS unpriced_calls,
    sum(d.list_cost) AS list_cost,
    sum(d.effective_cost) AS effective_cost
FROM
(
    SELECT
        toStartOfMonth(s.day) AS month,
        s.feature AS feature,
        s.team AS team,
        s.environment AS environment,
        s.provider AS provider,
        s.response_model AS response_model,
        s.calls AS calls,
        s.unpriced_calls AS unpriced_calls,
        ifNull(s.list_cost, 0) AS list_cost,
        ifNull(s.effective_cost, 0) AS effective_cost
    FROM spend_daily AS s
    WHERE s.day < {month:Date} + INTERVAL 1 MONTH
    UNION ALL
    SELECT
        b.month AS month,
        b.feature AS feature,
        b.team AS team,
        b.environment AS environment,
        b.provider AS provider,
        b.response_model AS response_model,
        -b.calls AS calls,
        -b.unpriced_calls AS unpriced_calls,
        -b.list_cost AS list_cost,
        -b.effective_cost AS effective_cost
    FROM books AS b
) AS d
GROUP BY
    month,
    feature,
    team,
    environment,
    provider,
    response_model
HAVING (calls, unpriced_calls, list_cost, effective_cost) != (0, 0, 0, 0)
ORDER BY
    month,
    feature,
    team,
    environment,
    provider,
    response_model;
