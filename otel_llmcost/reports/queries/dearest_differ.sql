-- Where the dearest calls of a day are not those that the calls say: by feature, how many rows and what cost the one has
-- more than the other. A row that differs in anything counts on both sides. Over several shards each of them keeps its own
-- 50, so the first 50 of all are compared.
WITH (SELECT mapFromArrays(groupArray(toString(k.environment)), groupArray(k.since)) FROM kept_since AS k) AS since_of
SELECT
    toUnixTimestamp(toDateTime(d.day, 'UTC')) AS period,
    d.feature AS feature,
    sum(d.difference) AS missing_calls,
    sum(d.difference * ifNull(toDecimal128(d.list_cost, 12), 0)) AS missing_list_cost
FROM
(
    SELECT
        b.* EXCEPT (is_wanted),
        sum(b.is_wanted) AS difference
    FROM
    (
        SELECT
            toInt64(1) AS is_wanted,
            toDate(c.started_at) AS day,
            toString(c.feature) AS feature,
            toString(c.team) AS team,
            toString(c.environment) AS environment,
            c.trace_id AS trace_id,
            c.span_id AS span_id,
            c.started_at AS started_at,
            c.duration_ns AS duration_ns,
            toString(c.tenant) AS tenant,
            toString(c.provider) AS provider,
            toString(if(c.response_model = '', c.request_model, c.response_model)) AS response_model,
            c.input_tokens AS input_tokens,
            c.cache_read_tokens AS cache_read_tokens,
            c.output_tokens AS output_tokens,
            if(c.list_cost IS NULL AND k.list_cost IS NULL, NULL, ifNull(c.list_cost, 0) + ifNull(k.list_cost, 0)) AS list_cost,
            ifNull(c.effective_cost, 0) + ifNull(k.effective_cost, 0) AS effective_cost
        FROM llm_calls AS c
        LEFT JOIN
        (
            SELECT
                a.trace_id AS trace_id,
                a.span_id AS span_id,
                sum(a.list_cost) AS list_cost,
                sum(a.effective_cost) AS effective_cost
            FROM llm_calls AS a
            WHERE a.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
                AND a.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
                AND a.correction_id != ''
            GROUP BY
                trace_id,
                span_id
        ) AS k ON k.trace_id = c.trace_id AND k.span_id = c.span_id
        WHERE c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
            AND c.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
            AND toDateTime(toDate(c.started_at), 'UTC') >= if(mapContains(since_of, toString(c.environment)), since_of[toString(c.environment)], since_of[''])
            AND c.correction_id = ''
            AND (c.effective_cost IS NOT NULL OR k.effective_cost IS NOT NULL)
        ORDER BY
            effective_cost DESC,
            started_at,
            span_id,
            trace_id
        LIMIT 50 BY
            day,
            feature,
            team,
            environment
        UNION ALL
        SELECT
            toInt64(-1) AS is_wanted,
            r.day AS day,
            toString(r.feature) AS feature,
            toString(r.team) AS team,
            toString(r.environment) AS environment,
            r.trace_id AS trace_id,
            r.span_id AS span_id,
            r.started_at AS started_at,
            r.duration_ns AS duration_ns,
            toString(r.tenant) AS tenant,
            toString(r.provider) AS provider,
            toString(r.response_model) AS response_model,
            r.input_tokens AS input_tokens,
            r.cache_read_tokens AS cache_read_tokens,
            r.output_tokens AS output_tokens,
            r.list_cost AS list_cost,
            r.effective_cost AS effective_cost
        FROM dearest_calls AS r
        WHERE r.day >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
            AND r.day < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
            AND toDateTime(r.day, 'UTC') >= if(mapContains(since_of, toString(r.environment)), since_of[toString(r.environment)], since_of[''])
        ORDER BY
            effective_cost DESC,
            started_at,
            span_id,
            trace_id
        LIMIT 50 BY
            day,
            feature,
            team,
            environment
    ) AS b
    GROUP BY ALL
    HAVING difference != 0
) AS d
GROUP BY
    period,
    feature
ORDER BY
    period,
    feature;
