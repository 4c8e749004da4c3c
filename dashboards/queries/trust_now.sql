-- Of the range's calls: how many have a feature, a price, usage that the provider reported; and how fresh the tables are.
SELECT
    if(all_calls = 0, NULL, countIf(c.correction_id = '' AND c.feature != '') / all_calls) AS named_share,
    if(all_calls = 0, NULL, (countIf(c.correction_id = '' AND c.list_cost IS NOT NULL) + sum(c.newly_priced)) / all_calls) AS priced_share,
    if(all_calls = 0, NULL, countIf(c.correction_id = '' AND c.price_status = 'fallback') / all_calls) AS fallback_share,
    if(all_calls = 0, NULL, countIf(c.correction_id = '' AND c.usage_quality = 'reported') / all_calls) AS reported_usage_share,
    dateDiff('second', toDateTime(max(c.received_at), 'UTC'), $__toTime) AS since_last_call_s,
    countIf(c.correction_id = '') AS all_calls
FROM llm_calls AS c
WHERE c.started_at > $__toTime - INTERVAL 24 HOUR
    AND c.started_at <= $__toTime
    {filters:c}
HAVING all_calls > 0
