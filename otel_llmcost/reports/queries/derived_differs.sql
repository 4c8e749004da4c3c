-- Where a rollup is not what the calls say: raw minus derived, by period and feature. Hours are those of the whole
-- window; a rollup by the day is compared by days. Nothing is returned where both agree to the last digit. Where calls of
-- an environment are no longer all there, what was derived from them stands alone.
WITH (SELECT mapFromArrays(groupArray(toString(k.environment)), groupArray(k.since)) FROM kept_since AS k) AS since_of
SELECT
    d.period AS period,
    d.feature AS feature,
    sum(d.calls) AS missing_calls,
    sum(d.unpriced_calls) AS missing_unpriced,
    sum(d.input_tokens) AS missing_input,
    sum(d.output_tokens) AS missing_output,
    sum(d.list_cost) AS missing_list_cost,
    sum(d.effective_cost) AS missing_effective_cost
FROM
(
    SELECT
        {period} AS period,
        c.feature AS feature,
        toInt64(countIf(c.correction_id = '')) AS calls,
        {has_unpriced} * (toInt64(countIf(c.correction_id = '' AND c.list_cost IS NULL)) - sum(c.newly_priced)) AS unpriced_calls,
        sum(c.input_tokens) AS input_tokens,
        sum(c.output_tokens) AS output_tokens,
        sum(ifNull(toDecimal128(c.list_cost, 12), 0)) AS list_cost,
        sum(ifNull(toDecimal128(c.effective_cost, 12), 0)) AS effective_cost
    FROM llm_calls AS c
    {join}
    WHERE c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
        AND c.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
        AND toDateTime({period}, 'UTC') >= if(mapContains(since_of, toString(c.environment)), since_of[toString(c.environment)], since_of[''])
        AND {condition}
    GROUP BY
        period,
        feature
    UNION ALL
    SELECT
        toUnixTimestamp(toDateTime(r.{grain}, 'UTC')) AS period,
        r.feature AS feature,
        -sum(r.calls) AS calls,
        -sum({unpriced}) AS unpriced_calls,
        -sum(r.input_tokens) AS input_tokens,
        -sum(r.output_tokens) AS output_tokens,
        -sum(ifNull(r.list_cost, 0)) AS list_cost,
        -sum(ifNull(r.effective_cost, 0)) AS effective_cost
    FROM {table} AS r
    WHERE r.{grain} >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
        AND r.{grain} < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
        AND toDateTime(r.{grain}, 'UTC') >= if(mapContains(since_of, toString(r.environment)), since_of[toString(r.environment)], since_of[''])
    GROUP BY
        period,
        feature
) AS d
GROUP BY
    period,
    feature
HAVING (missing_calls, missing_unpriced, missing_input, missing_output) != (0, 0, 0, 0)
    OR missing_list_cost != 0
    OR missing_effective_cost != 0
ORDER BY
    period,
    feature;
