-- The sessions that had calls from a day before `since` to `until`: one row a session and feature, whatever hours it
-- lasted over. What a session had cost even earlier is left out, so that a few days are read and not all there ever
-- were. Most sessions are one row as it is (is_whole, which knows of 16 days); only the parts of the others are added
-- up, by 64-bit hashes: millions of texts would take several times as long to group. Whoever asks says which part of the
-- sessions is looked at: one in `every`, by their hashes.
sessions AS
(
    SELECT
        cityHash64(h.environment, h.tenant, h.session_hash, h.feature) AS key,
        h.feature AS feature,
        h.last_started_at AS last_started_at,
        h.calls AS calls,
        toFloat64(h.effective_cost) AS usd
    FROM session_spend_hourly AS h
    WHERE h.hour >= toStartOfHour(since - INTERVAL 24 HOUR, 'UTC')
        AND h.hour <= until
        AND h.is_whole
        AND (every = 1 OR h.session_hash % every = 0)
        {filters:h}
    UNION ALL
    SELECT
        cityHash64(h.environment, h.tenant, h.session_hash, h.feature) AS key,
        any(h.feature) AS feature,
        max(h.last_started_at) AS last_started_at,
        sum(h.calls) AS calls,
        toFloat64(sum(h.effective_cost)) AS usd
    FROM session_spend_hourly AS h
    WHERE h.hour >= toStartOfHour(since - INTERVAL 24 HOUR, 'UTC')
        AND h.hour <= until
        AND NOT h.is_whole
        AND (every = 1 OR h.session_hash % every = 0)
        {filters:h}
    GROUP BY key
)
