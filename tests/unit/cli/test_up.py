"""Where `llmcost up` takes what it takes, where another program has the usual ports."""

from types import SimpleNamespace

import pytest

from otel_llmcost.cli.up import _say_other_ports
from otel_llmcost.config.collector import CollectorSettings


def test_a_port_that_is_not_the_usual_one_is_told(capsys: pytest.CaptureFixture[str]):
    collector = SimpleNamespace(ports={"grpc": 4317, "http": 40_001, "query": 40_002})
    _say_other_ports(collector, SimpleNamespace(settings=CollectorSettings()))
    assert capsys.readouterr().err == (
        "llmcost: 127.0.0.1:4318 is taken by another program, so OTLP over http goes to 127.0.0.1:40001; "
        "LLMCOST_HTTP_ENDPOINT chooses where\n"
    )
