"""Why one call was answered as it was: its steps in their order, read from the record. Commands and API tell the same.

What stands in ``need`` and ``have`` of a record was written for whoever asks why; a policy's sentence is among it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..gate.gate import BAD_CREDENTIAL, IN_VIEW
from ..values import Mode, Reason

#: The steps of the way, and what holds when one is passed.
STEPS: Mapping[str, str] = {
    "perimeter": "The request can be read in one way and is not too large",
    "rule": "The route is known and says what it demands",
    "identify": "Somebody proved who calls",
    "standing": "The caller may act here and now",
    "access": "The caller holds what the route demands",
    "count": "Limits and quotas leave room",
    "validate": "What came in fits the schema",
    "view": "The host's own function answered",
}
PASSED, REFUSED, UNREACHED, RECORDED, UNKNOWN = "passed", "refused", "not reached", "only recorded", "unknown"
_OF_REASON: Mapping[Reason, str] = {
    Reason.ATTEMPTS_EXCEEDED: "identify",
    Reason.APPLICATION_NOT_READY: "standing",
    Reason.AUDIENCE_WRONG: "identify",
    Reason.BODY_TOO_LARGE: "perimeter",
    Reason.CLIENT_SUSPENDED: "standing",
    Reason.CREDENTIAL_AMBIGUOUS: "identify",
    Reason.CREDENTIAL_BOUND: "identify",
    Reason.CREDENTIAL_EXPIRED: "standing",
    Reason.CREDENTIAL_MALFORMED: "identify",
    Reason.CREDENTIAL_MISSING: "identify",
    Reason.CREDENTIAL_REVOKED: "standing",
    Reason.CREDENTIAL_UNKNOWN: "identify",
    Reason.DOCUMENT_INVALID: "validate",
    Reason.DOCUMENT_MALFORMED: "validate",
    Reason.ENVIRONMENT_WRONG: "standing",
    Reason.LIMIT_EXCEEDED: "count",
    Reason.MEDIA_TYPE_UNSUPPORTED: "validate",
    Reason.METHOD_UNSUPPORTED: "view",
    Reason.ORIGIN_REFUSED: "identify",
    Reason.PATH_AMBIGUOUS: "perimeter",
    Reason.POLICY_REFUSED: "access",
    Reason.PREFLIGHT_REFUSED: "rule",
    Reason.PROOF_INVALID: "identify",
    Reason.PROOF_MISSING: "access",
    Reason.PROOF_NONCE: "identify",
    Reason.QUOTA_EXCEEDED: "count",
    Reason.RESPONSE_INVALID: "view",
    Reason.ROLE_MISSING: "access",
    Reason.ROUTE_UNDECLARED: "access",
    Reason.ROUTE_UNKNOWN: "view",
    Reason.SCOPE_MISSING: "access",
    Reason.SUBJECT_RETIRED: "standing",
}
#: Our own side failed: which step did is on no record.
OURS = frozenset({Reason.GATE_FAULT, Reason.STORE_AWAY})
_BY_NAME = {str(reason): reason for reason in Reason}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``outcome`` is passed, refused, not reached, only recorded (while observing), or unknown."""

    step: str
    title: str
    outcome: str
    seen: str = ""
    needed: str = ""


def reason_of(line: Mapping[str, Any]) -> Reason:
    """The reason on a record; a name that nobody knows any more counts as a fault of ours."""
    return _BY_NAME.get(str(line.get("reason") or ""), Reason.ALLOWED if line.get("allowed") else Reason.GATE_FAULT)


def step_of(reason: Reason) -> str | None:
    """Which step gave a reason; None when none of them did: the call was allowed, or our side failed."""
    return _OF_REASON.get(reason)


def steps_of(line: Mapping[str, Any]) -> Iterator[Step]:
    """Every step of a recorded call in its order; of the one that refused, what it saw and what it needed."""
    reason = reason_of(line)
    refusing = None if line.get("allowed") else step_of(reason)
    if refusing is not None and line.get("outcome") == IN_VIEW:
        refusing = "view"
    outcome = UNKNOWN if reason in OURS else PASSED
    for name, title in STEPS.items():
        if name != refusing:
            yield Step(name, title, outcome, _seen(line, name, outcome))
            continue
        seen = str(line.get("have") or "") or _seen(line, name, REFUSED)
        yield Step(name, title, REFUSED, seen, str(line.get("need") or "") or reason.title)
        outcome = RECORDED if line.get("mode") == Mode.OBSERVE and _may_pass(reason) else UNREACHED


def _may_pass(reason: Reason) -> bool:
    """Whether observing lets such a call go on to the view: all but bad credentials and what can't be done."""
    bad = reason in BAD_CREDENTIAL or (reason.status == 401 and reason is not Reason.CREDENTIAL_MISSING)
    return not bad and reason.status < 500 and reason is not Reason.BODY_TOO_LARGE


def _seen(line: Mapping[str, Any], step: str, outcome: str) -> str:
    if step == "perimeter":
        return f"{line['method']} {line['path']}, {line.get('bytes_in') or 0} bytes from {line.get('address') or '?'}"
    if step == "rule":
        return str(line.get("route") or "no route")
    if step == "identify":
        proof = line.get("credential_kind") or ("the host's session" if line.get("first_party") else "nothing")
        return f"{line.get('client') or line.get('credential') or 'nobody'} by {proof}"
    if step == "standing":
        return str(line.get("environment") or "")
    return f"answered {line['status']}" if step == "view" and outcome in (PASSED, RECORDED) else ""
