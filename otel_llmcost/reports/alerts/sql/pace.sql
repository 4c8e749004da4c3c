-- What today comes to so far and in the last hour, of the feature, of the customer, or of all.
LEFT JOIN
(
    SELECT
        {whose} AS whose,
        sum(s.usd) AS today_usd,
        sumIf(s.usd, s.at > $__toTime - INTERVAL 1 HOUR) AS hour_usd
    FROM
    (
        {include:today}
    ) AS s
    GROUP BY whose
) AS t ON t.whose = {of}
