"""The pieces that run the demo: nothing but this machine is called, nothing is left running, the books agree."""

import json
import subprocess
import sys
from decimal import Decimal

import openai
import pytest

from otel_llmcost.demo.app import ticket
from otel_llmcost.demo.ledger import Ledger
from otel_llmcost.demo.product import Deskhand
from otel_llmcost.demo.run import app_command, app_environment, running_simulator
from otel_llmcost.demo.simulator import Simulator
from tests.e2e.recompute import recompute, tokens_by_meter


def lines_of(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_the_simulator_answers_as_a_process_and_is_gone_afterwards(tmp_path):
    log = tmp_path / "answers.jsonl"
    with running_simulator(log) as url, openai.OpenAI(base_url=url + "/v1", api_key="test") as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hello"}])
    assert [line["outcome"] for line in lines_of(log)][-1] == "answered"
    with openai.OpenAI(base_url=url + "/v1", api_key="test", max_retries=0) as client, pytest.raises(openai.APIError):
        client.models.list()


def test_the_app_refuses_to_call_a_real_provider(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.openai.com/v1")
    ended = subprocess.run([sys.executable, "-m", "otel_llmcost.demo.app"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "must point to this machine" in ended.stderr


def test_the_app_is_started_as_a_user_would_start_it(tmp_path, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example:4318")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    environment = app_environment("http://127.0.0.1:9", data_dir=tmp_path, ledger=tmp_path / "ledger.jsonl")
    assert not {"OTEL_EXPORTER_OTLP_ENDPOINT", "HTTPS_PROXY"} & environment.keys()
    assert environment["OPENAI_API_KEY"] == "sk-demo-not-a-key"
    assert environment["LLMCOST_DATA_DIR"] == str(tmp_path)
    assert app_command()[1:] == (sys.executable, "-m", "otel_llmcost.demo.app")


def test_every_answer_is_found_in_the_books(tmp_path, monkeypatch):
    log, file = tmp_path / "answers.jsonl", tmp_path / "ledger.jsonl"
    ledger = Ledger(file)
    with Simulator(log, fault_rate=0.5) as simulator:
        monkeypatch.setenv("OPENAI_BASE_URL", simulator.url + "/v1")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", simulator.url)
        monkeypatch.setenv("OPENAI_API_KEY", "test")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "test")
        desk = Deskhand(ledger)
        desk.detect_language(ticket(1))
        desk.answer(ticket(2), ("and then?",))
        desk.close()
    ledger.close()
    meant = {line["client_request_id"]: line["feature"] for line in lines_of(file)}
    answered = [line for line in lines_of(log) if line["outcome"] == "answered"]
    assert [meant[line["client_request_id"]] for line in answered] == ["", "answer_ticket", "answer_ticket"]


def test_the_second_opinion_bills_each_token_once(tmp_path):
    usage = {
        "input_tokens": 3000,
        "input_tokens_details": {"cached_tokens": 1280, "cache_write_tokens": 1152},
        "output_tokens": 700,
        "output_tokens_details": {"reasoning_tokens": 640},
    }
    line = {
        "client_request_id": "a",
        "provider": "openai",
        "endpoint": "responses",
        "outcome": "answered",
        "model": "gpt-5.6-luna",
        "service_tier": "default",
        "web_searches": 2,
        "usage": usage,
    }
    assert sum(tokens_by_meter(line).values()) == 3700
    (tmp_path / "log").write_text(json.dumps(line) + "\n")
    (tmp_path / "ledger").write_text(json.dumps({"client_request_id": "a", "feature": "search"}) + "\n")
    total = recompute([tmp_path / "log"], [tmp_path / "ledger"])["total_usd_by_feature"]["search"]
    # 568 × 0.20 + 1,280 × 0.02 + 1,152 × 0.25 + 700 × 1.20, each for a million, and two searches at 10 for a thousand
    by_hand = (Decimal("113.6") + Decimal("25.6") + 288 + 840) / 1_000_000 + Decimal("0.02")
    assert Decimal(total) == by_hand == Decimal("0.0212672")
