-- Where a rollup is not what the calls say: raw minus derived, by period and feature, wherever any row of it differs in any
-- of its names or sums. Hours are those of the whole window; a rollup by the day is compared by days. Nothing is returned
-- where both agree to the last digit. Where calls of an environment are no longer all there, what was derived from them
-- stands alone.
WITH (SELECT mapFromArrays(groupArray(toString(k.environment)), groupArray(k.since)) FROM kept_since AS k) AS since_of
SELECT
    d.period AS period,
    d.feature AS feature,
    sum(d.calls) AS missing_calls,
    sum(d.list_cost) AS missing_list_cost
FROM
(
    SELECT
        b.period AS period,
        b.feature AS feature,
        {missing}
    FROM
    (
        SELECT
            {period} AS period,
            c.feature AS feature,
            {names},
            {sums}
        FROM llm_calls AS c
        {join}
        WHERE c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
            AND c.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
            AND toDateTime({period}, 'UTC') >= if(mapContains(since_of, toString(c.environment)), since_of[toString(c.environment)], since_of[''])
            AND {condition}
        GROUP BY
            period,
            feature,
            names
        UNION ALL
        SELECT
            toUnixTimestamp(toDateTime(r.{grain}, 'UTC')) AS period,
            r.feature AS feature,
            {derived_names},
            {derived_sums}
        FROM {table} AS r
        WHERE r.{grain} >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
            AND r.{grain} < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
            AND toDateTime(r.{grain}, 'UTC') >= if(mapContains(since_of, toString(r.environment)), since_of[toString(r.environment)], since_of[''])
        GROUP BY
            period,
            feature,
            names
    ) AS b
    GROUP BY
        period,
        feature,
        b.names
    HAVING {differs}
) AS d
GROUP BY
    period,
    feature
ORDER BY
    period,
    feature;
