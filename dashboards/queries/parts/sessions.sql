-- The sessions that had calls since a day before `since`: one row a session and feature, whatever hours it lasted over.
-- What a session had cost even earlier is left out, so that a few days are read and not all there ever were. Keys are
-- 64-bit hashes of what names a session: millions of texts would take several times as long to group.
sessions AS
(
    SELECT
        cityHash64(h.environment, h.tenant, h.session_id, h.feature) AS key,
        any(h.feature) AS feature,
        max(h.last_started_at) AS last_started_at,
        sum(h.calls) AS calls,
        sum(h.effective_cost) AS effective_cost
    FROM session_spend_hourly AS h
    WHERE h.hour >= toStartOfHour(since - INTERVAL 1 DAY)
        AND h.hour <= $__toTime
        {filters:h}
    GROUP BY key
)
