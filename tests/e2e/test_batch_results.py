"""Files of batch results are billed by the command, into a store that is read by the command."""

from __future__ import annotations

import datetime as dt
import json
import time
from typing import TYPE_CHECKING, Any

from tests.e2e.command import llmcost, rows

if TYPE_CHECKING:
    from pathlib import Path

DAY_S = 86_400
CREATED_AT = dt.datetime.fromtimestamp(int(time.time()) // DAY_S * DAY_S - DAY_S, dt.UTC).isoformat()
ARN = "arn:aws:bedrock:us-west-2:123456789012:model-invocation-job/abcdefghijkl"
SAID = ("--provider", "bedrock", "--model", "us.amazon.nova-lite-v1:0", "--job", ARN, "--at", CREATED_AT)
PAYS = ("--feature", "nightly", "--team", "search")


def record(number: int) -> dict[str, Any]:
    usage = {"inputTokens": 1_000 + number, "outputTokens": 7, "totalTokens": 1_007 + number}
    output = {"output": {"message": {"content": [{"text": "yes"}]}}, "stopReason": "end_turn", "usage": usage}
    return {"recordId": f"r{number}", "modelInput": {}, "modelOutput": output}


LINES = [
    *(json.dumps(record(number)) for number in range(40)),
    json.dumps({"recordId": "r40", "modelInput": {}, "error": {"errorCode": 429, "errorMessage": "no"}}),
]
# At batch rates a million tokens of Nova Lite are 0.03 USD in and 0.12 USD out: 30,000 and 120,000 pico-USD a token.
# Forty times 1,000 tokens in and the sum of 0 to 39, which is 780; forty times 7 out.
PICO_USD = (40_000 + 780) * 30_000 + 40 * 7 * 120_000


SPENT = """
    SELECT feature, team, region, is_batch, count() AS calls, toInt64(sum(list_cost) * 1000000000000) AS pico
    FROM llm_calls
    GROUP BY ALL
"""


def test_a_job_of_bedrock_is_billed_to_the_last_digit_however_often_and_after_a_download_that_broke_off(
    tmp_path: Path,
) -> None:
    path, data_dir = tmp_path / "in.jsonl.out", tmp_path / "data"
    path.write_text("\n".join(LINES)[: len("\n".join(LINES[:20])) + 50])  # twenty lines, and the beginning of one more
    cut = llmcost("backfill", "batch", str(path), *SAID, *PAYS, data_dir=data_dir)
    assert (cut.code, cut.out.startswith(f"{path}: 20 calls in ")) == (1, True)
    assert cut.error.startswith(f"llmcost: cannot be read: {path}, line 21: ")
    path.write_text("\n".join(LINES) + "\n")
    assert PICO_USD == 1_257_000_000
    expected = {"feature": "nightly", "team": "search", "region": "us-west-2", "is_batch": True}
    for _ in range(2):
        done = llmcost("backfill", "batch", str(path), *SAID, *PAYS, data_dir=data_dir)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith(f"{path}: 41 calls in ")
        assert rows(data_dir, SPENT) == [expected | {"calls": 41, "pico": PICO_USD}]
