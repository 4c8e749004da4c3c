-- Why a call was waste: its answer was of no use to anybody. The first reason counts, so that no call is waste twice; a
-- retry that made up for it is none, since its answer was used.
multiIf(
    c.rejected != '', 'rejected',
    c.error_type != '', 'failed',
    c.finish_reason IN ('length', 'max_tokens', 'MAX_TOKENS', 'max_output_tokens'), 'truncated',
    ''
) AS wasted_as
