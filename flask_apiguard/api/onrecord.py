"""What a call of this API leaves behind: its access event says who called what, and a refused attempt is an entry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..admission import current_admission
from ..errors import Forbidden
from ..ledger import enter
from ..people import Act, demand
from ..values import ALLOWED, By, Decision, Happening
from .table import Endpoint, Who

if TYPE_CHECKING:
    from .call import Call

#: Acts that end in a decision on a review, or in something a review would have been needed for.
_REVIEWS = frozenset({
    Act.ACCESS_GRANT_WRITE, Act.ONBOARDING_CHECK_WAIVE, Act.ONBOARDING_RECERTIFICATION_CONFIRM,
    Act.ONBOARDING_REVIEW_ANSWER, Act.ONBOARDING_REVIEW_ASK, Act.ONBOARDING_REVIEW_DECIDE, Act.ONBOARDING_REVIEW_OPEN,
    Act.ONBOARDING_REVIEW_READ, Act.ONBOARDING_REVIEW_WITHDRAW,
})  # fmt: skip


@dataclass(frozen=True)
class Attempt:
    """Something that somebody tried to change, and may not."""

    happening: Happening
    subject: str
    organization_id: str
    decision: Decision


def unrecorded() -> None:
    """Leave this request out of the access events: anybody may ask it, and nothing hangs on it."""
    admission = current_admission()
    if admission is not None:
        admission.recorded = False


def called(endpoint: Endpoint, base: str) -> None:
    """Have the access event name the endpoint rather than the one route of all of them."""
    admission = current_admission()
    if admission is not None:
        admission.route, admission.endpoint = f"{base}{endpoint.path}", f"{admission.endpoint}.{endpoint.name}"
    if endpoint.who is Who.ANYBODY:
        unrecorded()


def answered(by: By | None, decision: Decision = ALLOWED) -> None:
    """Have the access event say who acted and what was decided.

    A client is named as who acted and not as the caller: what it asks here is not among the calls that it is judged by.
    """
    admission = current_admission()
    if admission is not None:
        who = f"{by.kind}:{by.id}" if by is not None and by.id else decision.have
        admission.decision = replace(decision, have=who)


def demand_on_record(call: Call, act: Act, organization_id: str, subject: str) -> None:
    """Go on only when the actor may; a refused attempt to change something is put on record once it is over.

    Of somebody who has nothing to do with the thing there is the access event alone, which names actor and id: an
    entry would take time that an absent id does not take, and strangers write into nobody's ledger.

    :raises Missing: none of the actor's business. :raises Forbidden: the seat is not enough.
    """
    try:
        demand(call.by, act, organization_id)
    except Forbidden as error:
        if call.endpoint.writes:
            refused = Happening.ONBOARDING_REVIEW_REFUSED if act in _REVIEWS else Happening.ONBOARDING_MOVE_REFUSED
            call.attempt = Attempt(refused, subject, organization_id, error.decision)
        raise


def enter_attempt(call: Call) -> None:
    """The ledger entry of a refused attempt, in a transaction of its own."""
    made = call.attempt
    if made is None:
        return
    with call.write() as tx:
        enter(
            tx, call.by, made.happening, made.subject, organization=made.organization_id,
            after={"attempted": call.endpoint.name},
            evidence={"code": str(made.decision.reason), "detail": made.decision.detail},
        )  # fmt: skip
