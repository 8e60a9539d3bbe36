"""What a call of this API leaves behind: its access event says who called what, and a refused attempt is an entry."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ..admission import NO_LINES, current_admission
from ..errors import Denied, Forbidden
from ..ledger import enter_refused
from ..people import refused_as
from ..values import ALLOWED, By, Decision
from .table import Endpoint, Who

if TYPE_CHECKING:
    from .call import Call


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
        admission.lines = NO_LINES
    if endpoint.who is Who.ANYBODY:
        unrecorded()


def proved(kind: str | None, credential_id: str | None) -> None:
    """Have the access event say by what somebody proved who they are."""
    admission = current_admission()
    if admission is not None:
        admission.presented, admission.credential = kind, credential_id


def unproved(error: Denied, fingerprint: str | None) -> None:
    """Have the access event tell what was presented in vain from what else is, and whose it was if that was proved."""
    admission = current_admission()
    if admission is None:
        return
    whose = error.proved_by
    admission.presented, admission.fingerprint = "unproved", fingerprint
    if whose is not None:
        admission.presented, admission.credential = whose.credential_kind, whose.credential_id


def answered(by: By | None, decision: Decision = ALLOWED) -> None:
    """Have the access event say who acted and what was decided.

    A client is named as who acted and not as the caller: what it asks here is not among the calls that it is judged by.
    """
    admission = current_admission()
    if admission is not None:
        who = f"{by.kind}:{by.id}" if by is not None and by.id else decision.have
        admission.decision = replace(decision, have=who)


def enter_attempt(call: Call, error: Exception) -> None:
    """The ledger entry of what somebody tried to change and may not, in a transaction of its own.

    Whichever room said no; one that put the attempt on record itself is believed. Of somebody who has nothing to do
    with the thing there is the access event alone, which names actor and id: an entry would take time that an absent
    id does not take, and strangers write into nobody's ledger.
    """
    endpoint = call.endpoint
    if not isinstance(error, Forbidden) or error.on_record or not endpoint.writes or not call.by.id:
        return
    with call.write() as tx:
        enter_refused(
            tx, call.by, refused_as(endpoint.act), _subject(call, error.whose), error, attempted=endpoint.name
        )


def _subject(call: Call, whose: str | None) -> str:
    """What an attempt was about: the first thing that the path names, else whose it would have been."""
    named = re.search(r"<(\w+)>", call.endpoint.path)
    noun = call.endpoint.noun
    if named is None:
        return f"house:{noun}" if whose is None else f"organization:{whose}"
    kind, is_id, _ = named[1].partition("_id")
    return f"{kind if is_id else noun.removesuffix('s')}:{call.path[named[1]]}"
