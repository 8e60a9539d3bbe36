"""The line of a call: what is put together once and used again says the same as the whole event, encoded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_apiguard.admission import Admission
from flask_apiguard.events import parse
from flask_apiguard.perimeter import record
from flask_apiguard.values import (
    ALLOWED,
    ANONYMOUS,
    Caller,
    ClientFacts,
    Decision,
    Environment,
    HostUser,
    Phase,
    Reason,
)

CLIENT = ClientFacts("client_1", "app_1", "org_1", "Pay", Environment.SANDBOX)
CALLERS = (
    ANONYMOUS,
    Caller(client=CLIENT, credential_id="cred_1", credential_kind="api_key"),
    Caller(client=CLIENT, credential_id="cred_2", credential_kind="api_key"),
    Caller(user=HostUser("u1"), is_first_party=True),
)
DECISIONS = (
    None,
    ALLOWED,
    Decision(True, Reason.ALLOWED),
    Decision(True, Reason.ALLOWED, headers=(("RateLimit", "x"),)),
    Decision(False, Reason.SCOPE_MISSING, need="a", have="b"),
    Decision(False, Reason.SCOPE_MISSING, need="c" * 600, have="\x00\ud800"),
    Decision(False, Reason.GATE_FAULT),
)
TEXT = st.text(max_size=20) | st.just("x" * 700)


@st.composite
def calls(draw: st.DrawFn) -> tuple[dict[str, Any], Admission]:
    environ = {"REQUEST_METHOD": draw(st.sampled_from(("GET", "POST", "X" * 600))), "PATH_INFO": draw(TEXT)}
    for name in ("HTTP_TRACEPARENT", "HTTP_X_REQUEST_ID", "HTTP_USER_AGENT", "CONTENT_LENGTH"):
        if draw(st.booleans()):
            environ[name] = draw(TEXT | st.just("12"))
    admission = Admission("req_1", True, 1_800_000_000.5, 0, "192.0.2.7")
    admission.caller = draw(st.sampled_from(CALLERS))
    admission.proved = draw(st.sampled_from((None, CALLERS[1])))
    admission.decision = draw(st.sampled_from(DECISIONS))
    admission.route, admission.endpoint = draw(st.sampled_from(((None, None), ("/a", "a"), ("/b", "b"))))
    admission.presented = draw(st.sampled_from((None, "unproved", "api_key")))
    admission.fingerprint = draw(st.sampled_from((None, "0123456789abcdef")))
    admission.observed = draw(st.booleans())
    admission.outcome = draw(st.sampled_from(("", "raised")))
    admission.address = draw(st.sampled_from(("192.0.2.7", "2001:db8::1", "nonsense")))
    if not admission.observed and draw(st.booleans()):
        admission.lines = {}  # as the gate gives to all calls of a route that is guarded
    return environ, admission


@given(calls(), st.sampled_from(Phase), st.sampled_from((200, 404)))
def test_the_line_of_a_call_is_that_of_its_event(call: Any, phase: Phase, status: int) -> None:
    environ, admission = call
    for _ in range(2):  # the second time from what was kept
        found = parse(record.line_of(environ, admission, phase, status, 7))
    expected = parse(record.line.encode(record.event_of(environ, admission, phase, status, 7)))
    assert replace(found, latency=0) == replace(expected, latency=0)


def allowed(environ: dict[str, str], lines: dict[int, Any]) -> str:
    admission = Admission("req_1", True, 0.0, 0, "")
    admission.decision, admission.lines, admission.caller = ALLOWED, lines, CALLERS[1]
    return parse(record.line_of({"REQUEST_METHOD": "GET", **environ}, admission, Phase.CALL, 200, 0)).method


@pytest.mark.parametrize("environ", [{}, {"HTTP_X_REQUEST_ID": "a"}, {"HTTP_TRACEPARENT": "b"}])
def test_what_calls_share_is_put_together_once(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    lines: dict[int, Any] = {}
    allowed(environ, lines)
    monkeypatch.setattr(record, "event_of", None)
    assert allowed(environ, lines) == "GET"


def test_a_method_in_lower_case_is_the_one_that_its_route_knows() -> None:
    lines: dict[int, Any] = {}
    assert [allowed({"REQUEST_METHOD": method}, lines) for method in ("get", "GET")] == ["GET", "GET"]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "SHARED_AT_MOST", 10)
    for number in range(50):
        admission = Admission("req_1", True, 0.0, 0, "")
        admission.decision = Decision(False, Reason.SCOPE_MISSING, need=str(number))
        admission.presented = f"kind {number}"
        record.line_of({"REQUEST_METHOD": "GET"}, admission, Phase.CALL, 403, 0)
    assert max(len(record._alike), len(record._unkept)) <= 10


def test_a_strangers_long_method_is_not_kept() -> None:
    record._alike.clear()
    admission = Admission("req_1", True, 0.0, 0, "")
    admission.decision = Decision(False, Reason.CREDENTIAL_MISSING)
    record.line_of({"REQUEST_METHOD": "X" * 10_000}, admission, Phase.CALL, 401, 0)
    assert not record._alike
