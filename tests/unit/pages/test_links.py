"""Where links lead, and where they do not."""

from __future__ import annotations

from otel_llmcost.pages.links import InPage, Served

TO_FEATURE = "/d/llmcost-feature?${__url_time_range}&${environment:queryparam}"
THIS_FEATURE = TO_FEATURE + "&var-feature=${__data.fields.feature}"
TO_TRACE = "${trace_url:raw}${__data.fields.trace_id}"


def served(trace_url: str = "") -> Served:
    values = {"environment": ("production", "a&b"), "trace_url": (trace_url,)}
    return Served(time_range="from=now-7d&to=now", values=values, uids={"llmcost-feature"})


def test_in_a_page_a_link_leads_to_a_dashboard_that_is_in_it() -> None:
    page = InPage({"llmcost-feature"})
    assert page.href(TO_FEATURE, {}) == "#llmcost-feature"
    assert page.href("/d/llmcost-month?from=1", {}) == ""


def test_in_a_page_nothing_leads_to_what_was_not_asked() -> None:
    assert InPage({"llmcost-feature"}).href(THIS_FEATURE, {"feature": "chat"}) == ""
    assert InPage({"llmcost-feature"}).href(TO_TRACE, {"trace_id": "ab"}) == ""


def test_a_served_link_keeps_the_range_and_the_variables_and_takes_the_row() -> None:
    assert served().href(THIS_FEATURE, {"feature": "a b&c"}) == (
        "/d/llmcost-feature?from=now-7d&to=now&var-environment=production&var-environment=a%26b&var-feature=a%20b%26c"
    )


def test_a_trace_opens_at_a_web_address_only() -> None:
    assert served("https://traces.example/").href(TO_TRACE, {"trace_id": "ab"}) == "https://traces.example/ab"
    for hostile in ("javascript:alert(1)//", "/explore?left=", "data:text/html,", ""):
        assert served(hostile).href(TO_TRACE, {"trace_id": "ab"}) == ""
