-- Everything that decides what the calls of a window cost, and what they cost now, corrections included. What was derived
-- of a call stands where calls of its day and environment have begun to go.
WITH (SELECT mapFromArrays(groupArray(toString(k.environment)), groupArray(k.since)) FROM kept_since AS k) AS since_of
SELECT
    toUnixTimestamp64Nano(c.started_at) AS started_at_ns,
    c.trace_id AS trace_id,
    c.span_id AS span_id,
    c.team AS team,
    c.provider AS provider,
    c.request_model AS request_model,
    c.response_model AS response_model,
    c.service_tier AS service_tier,
    c.speed AS speed,
    c.region AS region,
    c.server_address AS server_address,
    c.is_batch AS is_batch,
    c.service_name AS service_name,
    c.billing_account_id AS billing_account_id,
    c.sub_account_id AS sub_account_id,
    c.credential_id AS credential_id,
    c.scope_name AS scope_name,
    c.usage_quality AS usage_quality,
    c.input_tokens AS input_tokens,
    c.cache_read_tokens AS cache_read_tokens,
    c.cache_write_5m_tokens AS cache_write_5m_tokens,
    c.cache_write_1h_tokens AS cache_write_1h_tokens,
    c.input_audio_tokens AS input_audio_tokens,
    c.input_image_tokens AS input_image_tokens,
    c.input_video_tokens AS input_video_tokens,
    c.cache_read_audio_tokens AS cache_read_audio_tokens,
    c.cache_read_image_tokens AS cache_read_image_tokens,
    c.cache_read_video_tokens AS cache_read_video_tokens,
    c.output_tokens AS output_tokens,
    c.reasoning_tokens AS reasoning_tokens,
    c.output_audio_tokens AS output_audio_tokens,
    c.output_image_tokens AS output_image_tokens,
    c.output_video_tokens AS output_video_tokens,
    c.web_search AS web_search,
    c.grounded_prompt AS grounded_prompt,
    c.grounded_query AS grounded_query,
    c.file_search AS file_search,
    c.code_session AS code_session,
    c.audio_second AS audio_second,
    c.image AS image,
    c.page AS page,
    c.request AS request,
    c.billed_counts AS billed_counts,
    c.reported_cost AS reported_cost,
    toDateTime(toDate(c.started_at), 'UTC') < if(mapContains(since_of, toString(c.environment)), since_of[toString(c.environment)], since_of['']) AS stands,
    a.corrections AS corrections,
    if(c.list_cost IS NULL, 0, greatest(a.newly_priced, 0)) AS priced_twice,
    if(c.list_cost IS NULL AND a.newly_priced <= 0, NULL, ifNull(c.list_cost, 0) + ifNull(a.list_cost, 0)) AS list_cost,
    if(c.effective_cost IS NULL AND a.effective_cost IS NULL, NULL, ifNull(c.effective_cost, 0) + ifNull(a.effective_cost, 0)) AS effective_cost
FROM llm_calls AS c
LEFT JOIN
(
    SELECT
        k.trace_id AS trace_id,
        k.span_id AS span_id,
        count() AS corrections,
        argMax(toString(k.price_status), k.received_at) AS price_status,
        sum(k.newly_priced) AS newly_priced,
        sum(k.list_cost) AS list_cost,
        sum(k.effective_cost) AS effective_cost
    FROM llm_calls AS k
    WHERE k.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
        AND k.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
        AND k.correction_id != ''
    GROUP BY
        trace_id,
        span_id
) AS a ON a.trace_id = c.trace_id AND a.span_id = c.span_id
WHERE c.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
    AND c.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
    AND c.correction_id = ''
    AND {condition};
