"""Whoever asks why hears of the step that refused, whichever it was."""

from __future__ import annotations

import pytest

from flask_apiguard.gate.gate import IN_VIEW
from flask_apiguard.house.explaining import OURS, PASSED, RECORDED, REFUSED, UNREACHED, step_of, steps_of
from flask_apiguard.values import Reason

REFUSALS = [one for one in Reason if str(one).startswith("gate:") and one is not Reason.ALLOWED and one not in OURS]
LINE = {"allowed": False, "method": "GET", "path": "/api", "status": 401, "mode": "observe"}


@pytest.mark.parametrize("reason", REFUSALS)
def test_every_refusal_of_the_gate_has_its_step(reason: Reason) -> None:
    assert step_of(reason) is not None
    outcomes = [step.outcome for step in steps_of(LINE | {"reason": str(reason)})]
    assert outcomes.count(REFUSED) == 1


@pytest.mark.parametrize(
    ("reason", "then"),
    [
        (Reason.SCOPE_MISSING, RECORDED), (Reason.PROOF_MISSING, RECORDED), (Reason.CREDENTIAL_MISSING, RECORDED),
        (Reason.PROOF_INVALID, UNREACHED), (Reason.ATTEMPTS_EXCEEDED, UNREACHED),
        (Reason.CREDENTIAL_AMBIGUOUS, UNREACHED), (Reason.BODY_TOO_LARGE, UNREACHED),
    ],
)  # fmt: skip
def test_while_observing_what_follows_a_bad_credential_was_not_reached(reason: Reason, then: str) -> None:
    assert [step.outcome for step in steps_of(LINE | {"reason": str(reason)})][-1] == then


def test_what_a_view_asked_was_asked_behind_the_gate() -> None:
    line = LINE | {"reason": str(Reason.SCOPE_MISSING), "need": "refunds:write", "mode": "enforce", "outcome": IN_VIEW}
    *before, view = steps_of(line)
    assert {step.outcome for step in before} == {PASSED}
    assert (view.step, view.outcome, view.needed) == ("view", REFUSED, "refunds:write")
