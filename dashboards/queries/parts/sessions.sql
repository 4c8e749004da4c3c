-- The sessions that had calls from a day before `since` to `until`: one row a session and feature, whatever hours it
-- lasted over. What a session had cost even earlier is left out, so that a few days are read and not all there ever
-- were. Keys are 64-bit hashes of what they name: millions of texts would take several times as long to group. Whoever
-- asks says which part of the sessions is looked at: one in `every`, by their names.
sessions AS
(
    SELECT
        cityHash64(h.environment, h.tenant, h.session_id, h.feature) AS key,
        any(cityHash64(h.feature)) AS feature_key,
        max(h.last_started_at) AS last_started_at,
        sum(h.calls) AS calls,
        sum(h.effective_cost) AS effective_cost
    FROM session_spend_hourly AS h
    WHERE h.hour >= toStartOfHour(since - INTERVAL 1 DAY)
        AND h.hour <= until
        AND (every = 1 OR cityHash64(h.session_id) % every = 0)
        {filters:h}
    GROUP BY key
)
