-- Why: `rates` was never filled. Every collector and command that prices calls now tells the rates that it prices by, and
--      several of them tell the same ones, so what is read is a view without repetitions. The table holds no rows yet.
-- Mutation: no. Safe to re-run: yes. Undo: DROP VIEW rates; RENAME TABLE rates_log TO rates.
CREATE TABLE IF NOT EXISTS rates_log {on_cluster}
(
    rate_table_version LowCardinality(String) COMMENT 'The first 12 hex digits of the rate table''s sha256; as in llm_calls',
    overlay_version LowCardinality(String) COMMENT 'The same of the user''s own rates, of which this is one; empty for a published rate',
    rate_id LowCardinality(String) COMMENT 'The rate card; as in llm_calls',
    meter LowCardinality(String) COMMENT 'What the price is put on: input, output, cache_read, web_search, ...',
    above_input_tokens Int64 COMMENT 'The price holds for calls whose input is longer; 0 for every length',
    provider LowCardinality(String) COMMENT 'Who sells the model',
    model LowCardinality(String) COMMENT 'The model, as the rate table spells it',
    service_tier LowCardinality(String) COMMENT 'standard, batch, flex, priority, ...',
    region LowCardinality(String) COMMENT 'The places it is for; empty for the ordinary one, * for all others',
    effective_from Nullable(DateTime64(9, 'UTC')) COMMENT 'The first moment at which it is in force; NULL for ever since',
    effective_to Nullable(DateTime64(9, 'UTC')) COMMENT 'The first moment after it; NULL for until further notice',
    price Nullable(Decimal(38, 12)) COMMENT 'USD for `per` units; NULL where the meter has a price that is not known',
    per Int64 COMMENT 'The number of units that the price is for',
    source String COMMENT 'The page that publishes the price',
    upstream LowCardinality(String) COMMENT 'Who told us of it',
    loaded_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When it was loaded'
)
ENGINE = {replicated}ReplacingMergeTree({on_every_shard}loaded_at)
ORDER BY (rate_table_version, overlay_version, rate_id, meter, above_input_tokens)
COMMENT 'The rates of every table that priced calls here, repeated tellings included: read rates instead';

CREATE OR REPLACE VIEW rates {on_cluster} AS
SELECT *
FROM rates_log
FINAL
COMMENT 'The rates of every table that priced calls here, with the time for which they are in force';
