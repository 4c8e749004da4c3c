-- How often calls of the last day were told more than once: written again by a resend or a second collector, and
-- counted once all the same. Old tellings vanish when the engine merges them, so this is a lower bound. Calls are told
-- apart by 64-bit hashes: millions of texts would take three times as long.
SELECT
    count() AS rows_count,
    uniqExact(cityHash64(l.trace_id, l.span_id, l.correction_id)) AS distinct_count,
    rows_count - distinct_count AS met_again_count
FROM llm_calls_log AS l
WHERE l.started_at > $__toTime - INTERVAL 24 HOUR
    AND l.started_at <= $__toTime
    {filters:l}
HAVING count() > 0
