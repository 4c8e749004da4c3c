"""A web service under `opentelemetry-instrument`, its server and HTTP client instrumented too: who may say who pays."""

from __future__ import annotations

import re
import signal
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from tests.e2e.conftest import DEADLINE_S, Place
from tests.support.replay import Answer, ReplayServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from otel_llmcost.call import LLMCall

EVIL = {
    "baggage": "llmcost.feature=evil,llmcost.tenant=evil,session.id=evil-session,plan=pro",
    "X-LLMCost-Tags": "feature=worse,team=worse,color=blue",
}


@contextmanager
def serving(place: Place, **variables: str) -> Iterator[Callable[[str], None]]:
    """Run the service, give a function that asks it with the headers of a stranger, and end it."""
    with place.start("api.py", PROVIDER_URL=place.provider.url, **variables) as service:
        assert service.stderr is not None
        log = iter(service.stderr.readline, "")
        url = next(found[0] for line in log if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))

        def ask(path: str) -> None:
            request = urllib.request.Request(url + path, headers=EVIL)
            assert urllib.request.urlopen(request, timeout=DEADLINE_S).read() == b'"ok"'

        try:
            yield ask
        finally:
            service.send_signal(signal.SIGTERM)
            service.communicate(timeout=DEADLINE_S)


@pytest.fixture
def neighbour() -> Iterator[ReplayServer]:
    with ReplayServer() as server:
        server.answer_with(Answer())
        yield server


def asked(place: Place, neighbour: ReplayServer, **variables: str) -> list[LLMCall]:
    """Ask the service once for nobody in particular and once for a feature of its own; return the three calls."""
    with serving(place, NEIGHBOUR_URL=neighbour.url, **variables) as ask:
        ask("/unnamed/0")
        ask("/named/1")
    calls = place.calls()
    assert [call.response_id for call in calls] == ["chatcmpl-0", "chatcmpl-1", "chatcmpl-2"]
    return calls


def test_a_stranger_does_not_choose_who_pays(place: Place, neighbour: ReplayServer) -> None:
    unnamed, named, in_a_thread = asked(place, neighbour)

    assert (unnamed.attribution.feature, unnamed.feature_source) == ("/unnamed/{number}", "default")
    assert (unnamed.attribution.team, unnamed.attribution.tenant, unnamed.attribution.session_id) == ("", "", "")
    assert unnamed.attribution.tags == ()
    for call in (named, in_a_thread):
        assert (call.attribution.feature, call.attribution.tenant, call.feature_source) == ("search", "acme", "span")
        assert (call.attribution.team, call.attribution.session_id, call.attribution.tags) == ("", "", ())


def test_a_caller_that_is_trusted_chooses_who_pays(place: Place, neighbour: ReplayServer) -> None:
    """The header is the nearer word, so it stands over the baggage; the service's own word stands over both."""
    unnamed, named, _ = asked(place, neighbour, LLMCOST_TRUST_INCOMING="true")

    assert (unnamed.attribution.feature, unnamed.feature_source) == ("worse", "span")
    assert (unnamed.attribution.team, unnamed.attribution.tenant) == ("worse", "evil")
    assert unnamed.attribution.session_id == "evil-session"
    assert unnamed.attribution.tags == (("color", "blue"),)
    assert (named.attribution.feature, named.attribution.tenant, named.attribution.team) == ("search", "acme", "worse")


@pytest.mark.parametrize("trust", ["false", "true"])
def test_the_provider_sees_nothing_of_it_and_a_service_of_our_own_does(
    place: Place, neighbour: ReplayServer, trust: str
) -> None:
    asked(place, neighbour, LLMCOST_TRUST_INCOMING=trust)

    assert all("traceparent" in received.headers for received in place.provider.requests)
    assert place.provider.places_of("llmcost") == []
    assert place.provider.places_of("acme") == []
    (heard,) = neighbour.requests
    entries = dict(entry.split("=") for entry in unquote(heard.headers["baggage"]).split(","))
    assert (entries["llmcost.feature"], entries["llmcost.tenant"]) == ("search", "acme")
    assert entries["plan"] == "pro"
    assert "traceparent" in heard.headers
