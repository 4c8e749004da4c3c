-- Why: a call took 113 bytes on disk, measured by column over ten million; this makes it 106. Costs are whole multiples of
--      what a token costs, so their common divisor goes first; the size of a prompt repeats, and packing its bits hid
--      that; the lengths of texts, kept in a stream of their own, took more than inside it. The time of posting was there
--      twice: it is that of the receipt, so writers leave it out from here on.
-- Mutation: no: parts are written anew when they merge. Safe to re-run: yes.
-- Undo: the codecs of 0002; RESET SETTING string_serialization_version; the view of 0020, once posted_at is filled in.
ALTER TABLE llm_calls_log {on_cluster}
    MODIFY COLUMN list_cost CODEC(GCD, T64('bit'), ZSTD(1)),
    MODIFY COLUMN effective_cost CODEC(GCD, T64('bit'), ZSTD(1)),
    MODIFY COLUMN reported_cost CODEC(GCD, T64('bit'), ZSTD(1)),
    MODIFY COLUMN prompt_bytes CODEC(ZSTD(1));

ALTER TABLE llm_calls_log {on_cluster}
    MODIFY SETTING string_serialization_version = 'single_stream';

CREATE OR REPLACE VIEW llm_calls {on_cluster} AS
SELECT
    * EXCEPT (precedence, is_retelling, verdicts)
    REPLACE (if(toUnixTimestamp(posted_at) = 0, toDateTime(received_at, 'UTC'), posted_at) AS posted_at),
    received_at
FROM llm_calls_log
FINAL
COMMENT 'One row a call, and one for each correction of it: count calls where correction_id is empty, sum costs over all';

CREATE OR REPLACE VIEW llm_tellings {on_cluster} AS
SELECT
    * EXCEPT (precedence, verdicts)
    REPLACE (if(toUnixTimestamp(posted_at) = 0, toDateTime(received_at, 'UTC'), posted_at) AS posted_at),
    received_at
FROM llm_calls_log
ORDER BY precedence DESC
LIMIT 1 BY
    trace_id,
    span_id,
    correction_id
COMMENT 'Every telling of every call, those that do not count too: to look into one trace, not to sum over';
