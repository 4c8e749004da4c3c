-- The dearest calls of the range, at what they cost now. More than a day is answered in whole days, from the 50 dearest of
-- each; a shorter range, and that of one customer, from the calls themselves, whose corrections have their names and count
-- nothing but money. The condition of the other half is false before anything is read.
WITH
    $__toTime - $__fromTime > 86400 AND '__all__' IN (${tenant:singlequote}) AS in_whole_days
SELECT
    toDateTime(u.started_at, 'UTC') AS started,
    if(u.feature = '', '(unattributed)', u.feature) AS feature,
    if(u.tenant = '', '(no tenant)', u.tenant) AS tenant,
    u.model AS model,
    u.input_tokens AS input_tokens,
    u.cache_read_tokens AS cache_read_tokens,
    u.output_tokens AS output_tokens,
    u.duration_ns / 1e9 AS took_s,
    toFloat64(u.effective_cost) AS usd,
    u.trace_id AS trace_id
FROM
(
    SELECT
        d.started_at AS started_at,
        d.feature AS feature,
        d.tenant AS tenant,
        d.response_model AS model,
        d.input_tokens AS input_tokens,
        d.cache_read_tokens AS cache_read_tokens,
        d.output_tokens AS output_tokens,
        d.duration_ns AS duration_ns,
        d.effective_cost AS effective_cost,
        d.trace_id AS trace_id
    FROM dearest_calls AS d
    WHERE in_whole_days
        AND d.day >= toDate($__fromTime, 'UTC')
        AND d.day <= toDate($__toTime, 'UTC')
        {filters:d}
    UNION ALL
    SELECT
        any(c.started_at) AS started_at,
        any(c.feature) AS feature,
        any(c.tenant) AS tenant,
        any(if(c.response_model = '', c.request_model, c.response_model)) AS model,
        sum(c.input_tokens) AS input_tokens,
        sum(c.cache_read_tokens) AS cache_read_tokens,
        sum(c.output_tokens) AS output_tokens,
        sum(c.duration_ns) AS duration_ns,
        sum(c.effective_cost) AS effective_cost,
        c.trace_id AS trace_id
    FROM llm_calls AS c
    WHERE NOT in_whole_days
        AND c.started_at >= $__fromTime
        AND c.started_at <= $__toTime
        {filters:c}
    GROUP BY
        c.trace_id,
        c.span_id
) AS u
ORDER BY
    u.effective_cost DESC NULLS LAST,
    u.started_at
LIMIT 50
