"""Which seat may do what: one table, and the two questions asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from ..errors import Forbidden, Missing
from ..values import Actor, By, Happening, Meant


class Seat(StrEnum):
    """What a person may do: the first three within one organization, the last three in the whole house."""

    OWNER = "owner"
    DEVELOPER = "developer"
    VIEWER = "viewer"
    ADMINISTRATOR = "administrator"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"


ORGANIZATION_SEATS = frozenset({Seat.OWNER, Seat.DEVELOPER, Seat.VIEWER})
HOUSE_SEATS = frozenset({Seat.ADMINISTRATOR, Seat.REVIEWER, Seat.AUDITOR})
#: What a seat contains, so that a token may be narrowed to less than its person's seat.
CONTAINS: Mapping[str, frozenset[str]] = {
    Seat.OWNER: frozenset({Seat.OWNER, Seat.DEVELOPER, Seat.VIEWER}),
    Seat.DEVELOPER: frozenset({Seat.DEVELOPER, Seat.VIEWER}),
    Seat.VIEWER: frozenset({Seat.VIEWER}),
    Seat.ADMINISTRATOR: frozenset({Seat.ADMINISTRATOR, Seat.REVIEWER, Seat.AUDITOR}),
    Seat.REVIEWER: frozenset({Seat.REVIEWER}),
    Seat.AUDITOR: frozenset({Seat.AUDITOR}),
}
#: Not a seat: that somebody belongs to an organization, which narrowing must not hide from `own`.
MEMBER = "member"


class Act(Meant):
    """What a person may do, ``source:subject:action``, alphabetical, each with its meaning."""

    ACCESS_GRANT_WRITE = ("access:grant:write", "Give or end a scope outside a review.")
    ACCESS_SCOPE_WRITE = ("access:scope:write", "Write scopes, roles and policies.")
    CLIENTS_APPLICATION_CHANGE = ("clients:application:change", "Edit facts about an application.")
    CLIENTS_APPLICATION_CREATE = ("clients:application:create", "Register an application.")
    CLIENTS_APPLICATION_READ = ("clients:application:read", "See an application and its clients.")
    CLIENTS_APPLICATION_REFER = ("clients:application:refer", "Set the host's own reference of an application.")
    CLIENTS_CLIENT_SUSPEND = ("clients:client:suspend", "Stop a client until further notice, or take that back.")
    CLIENTS_ORGANIZATION_CHANGE = ("clients:organization:change", "Edit facts about an organization.")
    CLIENTS_ORGANIZATION_CREATE = ("clients:organization:create", "Register an organization for others.")
    CLIENTS_ORGANIZATION_READ = ("clients:organization:read", "See an organization.")
    CREDENTIALS_CREDENTIAL_CREATE = ("credentials:credential:create", "Make a credential.")
    CREDENTIALS_CREDENTIAL_IMPORT = ("credentials:credential:import", "Take over the host's keys by hash.")
    CREDENTIALS_CREDENTIAL_READ = ("credentials:credential:read", "See credentials, never their secrets.")
    CREDENTIALS_CREDENTIAL_REVOKE = ("credentials:credential:revoke", "End a credential at once.")
    CREDENTIALS_CREDENTIAL_ROTATE = ("credentials:credential:rotate", "Give a credential a successor.")
    EVENTS_EVENT_READ = ("events:event:read", "See the records of API calls.")
    LEDGER_ENTRY_READ = ("ledger:entry:read", "See and verify the ledger.")
    MONITOR_ANOMALY_HANDLE = ("monitor:anomaly:handle", "Judge an anomaly.")
    MONITOR_USAGE_READ = ("monitor:usage:read", "See usage and anomalies.")
    OAUTH_CLIENT_CHANGE = ("oauth:client:change", "Say whether a client can keep a secret, and what its tokens are.")
    OAUTH_CONSENT_READ = ("oauth:consent:read", "See which users let an application act for them.")
    OAUTH_CONSENT_WITHDRAW = ("oauth:consent:withdraw", "Take a user's consent back.")
    OAUTH_SIGNING_KEY_READ = ("oauth:signing-key:read", "See the keys that the authorization server signs with.")
    OAUTH_SIGNING_KEY_REVOKE = ("oauth:signing-key:revoke", "End a signing key, and all that it signed.")
    OAUTH_SIGNING_KEY_ROTATE = ("oauth:signing-key:rotate", "Make the next signing key before its time.")
    ONBOARDING_APPLICATION_MOVE = ("onboarding:application:move", "Take an application from draft to sandbox.")
    ONBOARDING_APPLICATION_RETIRE = ("onboarding:application:retire", "Retire an application for good.")
    ONBOARDING_CHECK_RUN = ("onboarding:check:run", "Run an application's checks.")
    ONBOARDING_CHECK_WAIVE = ("onboarding:check:waive", "Waive a failed check, with a second person.")
    ONBOARDING_RECERTIFICATION_CONFIRM = ("onboarding:recertification:confirm", "Confirm what an application holds.")
    ONBOARDING_REVIEW_ANSWER = ("onboarding:review:answer", "Answer a reviewer's question.")
    ONBOARDING_REVIEW_ASK = ("onboarding:review:ask", "Ask the requester something.")
    ONBOARDING_REVIEW_DECIDE = ("onboarding:review:decide", "Approve or deny, never for one's own organization.")
    ONBOARDING_REVIEW_OPEN = ("onboarding:review:open", "Ask for more: production, scopes, a plan.")
    ONBOARDING_REVIEW_READ = ("onboarding:review:read", "See reviews and their evidence.")
    ONBOARDING_REVIEW_WITHDRAW = ("onboarding:review:withdraw", "Take a request back.")
    PEOPLE_INVITATION_SEND = ("people:invitation:send", "Invite somebody to a seat, or take that back.")
    PEOPLE_PERSON_DISABLE = ("people:person:disable", "Shut somebody out, or let them in again.")
    PEOPLE_PERSON_READ = ("people:person:read", "See who holds which seat.")
    PEOPLE_SEAT_GIVE = ("people:seat:give", "Give somebody a seat.")
    PEOPLE_SEAT_TAKE = ("people:seat:take", "Take a seat from somebody.")
    QUOTAS_OVERRIDE_WRITE = ("quotas:override:write", "Give one client limits of its own.")
    QUOTAS_PLAN_WRITE = ("quotas:plan:write", "Write plans.")
    SETTINGS_SETTING_WRITE = ("settings:setting:write", "Change what is stored of the house's settings.")


_O, _D, _V, _R, _U = Seat.OWNER, Seat.DEVELOPER, Seat.VIEWER, Seat.REVIEWER, Seat.AUDITOR
_READ = frozenset({_O, _D, _V, _R, _U})
_BUILD = frozenset({_O, _D})
_OWN = frozenset({_O})
_JUDGE = frozenset({_R})

#: Who may, besides administrators, who may everything. An act that stands not here is theirs alone.
_SEATS: Mapping[Act, frozenset[Seat]] = {
    Act.CLIENTS_APPLICATION_CHANGE: _BUILD,
    Act.CLIENTS_APPLICATION_CREATE: _BUILD,
    Act.CLIENTS_APPLICATION_READ: _READ,
    Act.CLIENTS_CLIENT_SUSPEND: frozenset({_O, _R}),
    Act.CLIENTS_ORGANIZATION_CHANGE: _OWN,
    Act.CLIENTS_ORGANIZATION_READ: _READ,
    Act.CREDENTIALS_CREDENTIAL_CREATE: _BUILD,
    Act.CREDENTIALS_CREDENTIAL_READ: _READ,
    Act.CREDENTIALS_CREDENTIAL_REVOKE: _BUILD,
    Act.CREDENTIALS_CREDENTIAL_ROTATE: _BUILD,
    Act.EVENTS_EVENT_READ: _READ,
    Act.LEDGER_ENTRY_READ: frozenset({_U}),
    Act.MONITOR_ANOMALY_HANDLE: _JUDGE,
    Act.MONITOR_USAGE_READ: _READ,
    Act.OAUTH_CONSENT_READ: _READ,
    Act.OAUTH_CONSENT_WITHDRAW: frozenset({_O, _R}),
    Act.OAUTH_SIGNING_KEY_READ: frozenset({_U}),
    Act.ONBOARDING_APPLICATION_MOVE: _BUILD,
    Act.ONBOARDING_APPLICATION_RETIRE: _OWN,
    Act.ONBOARDING_CHECK_RUN: frozenset({_O, _D, _R}),
    Act.ONBOARDING_CHECK_WAIVE: _JUDGE,
    Act.ONBOARDING_RECERTIFICATION_CONFIRM: _OWN,
    Act.ONBOARDING_REVIEW_ANSWER: _BUILD,
    Act.ONBOARDING_REVIEW_ASK: _JUDGE,
    Act.ONBOARDING_REVIEW_DECIDE: _JUDGE,
    Act.ONBOARDING_REVIEW_OPEN: _BUILD,
    Act.ONBOARDING_REVIEW_READ: _READ,
    Act.ONBOARDING_REVIEW_WITHDRAW: _BUILD,
    Act.PEOPLE_INVITATION_SEND: _OWN,
    Act.PEOPLE_PERSON_READ: frozenset({_O, _R, _U}),
    Act.PEOPLE_SEAT_GIVE: _OWN,
    Act.PEOPLE_SEAT_TAKE: _OWN,
}
#: Whoever belongs to the organization may not, whatever other seat they hold.
_NEVER_OWN = frozenset({
    Act.ACCESS_GRANT_WRITE, Act.ONBOARDING_CHECK_WAIVE, Act.ONBOARDING_REVIEW_DECIDE, Act.QUOTAS_OVERRIDE_WRITE,
    Act.QUOTAS_PLAN_WRITE,
})  # fmt: skip

_REVIEWS = frozenset({
    Act.ACCESS_GRANT_WRITE, Act.ONBOARDING_CHECK_WAIVE, Act.ONBOARDING_RECERTIFICATION_CONFIRM,
    Act.ONBOARDING_REVIEW_ANSWER, Act.ONBOARDING_REVIEW_ASK, Act.ONBOARDING_REVIEW_DECIDE, Act.ONBOARDING_REVIEW_OPEN,
    Act.ONBOARDING_REVIEW_WITHDRAW,
})  # fmt: skip
_MOVES = frozenset({
    Act.CLIENTS_CLIENT_SUSPEND, Act.ONBOARDING_APPLICATION_MOVE, Act.ONBOARDING_APPLICATION_RETIRE,
})  # fmt: skip


def refused_as(act: Act | None) -> Happening:
    """What an attempt at this act is called in the ledger when it was refused."""
    if act in _REVIEWS:
        return Happening.ONBOARDING_REVIEW_REFUSED
    return Happening.ONBOARDING_MOVE_REFUSED if act in _MOVES else Happening.PEOPLE_ATTEMPT_REFUSED


def seats_for(act: Act) -> frozenset[Seat]:
    """Which seats may do this."""
    return _SEATS.get(act, frozenset()) | {Seat.ADMINISTRATOR}


def own(by: By, organization_id: str | None) -> bool:
    """Whether the actor belongs to this organization."""
    if organization_id is None:
        return False
    return by.organization_id == organization_id or any(seat.endswith("@" + organization_id) for seat in by.seats)


def may(by: By, act: Act, organization_id: str | None = None) -> bool:
    """Whether this actor may do this to what the organization owns (None: to what the house owns).

    An organization's seat counts in its own organization only. Operators and the system may whatever a seat may;
    a client never acts as a person.
    """
    if by.kind in (Actor.OPERATOR, Actor.SYSTEM):
        return True
    if by.kind is not Actor.PERSON or (act in _NEVER_OWN and own(by, organization_id)):
        return False
    return not seats_for(act).isdisjoint(_seats_in(by, organization_id))


def _seats_in(by: By, organization_id: str | None) -> Iterable[str]:
    for seat in by.seats:
        name, placed, where = seat.partition("@")
        if name in HOUSE_SEATS:
            if not placed:
                yield name
        elif organization_id is not None and (where if placed else by.organization_id) == organization_id:
            yield name


def demand(by: By, act: Act, organization_id: str | None = None) -> None:
    """Go on only when the actor may.

    :raises Missing: the actor has nothing to do with the organization, and is not to learn whether it exists.
    :raises Forbidden: none of the seats held is enough; ``need`` names those that are.
    """
    if may(by, act, organization_id):
        return
    if organization_id is not None and not own(by, organization_id) and HOUSE_SEATS.isdisjoint(by.seats):
        raise Missing
    if act in _NEVER_OWN and own(by, organization_id):
        other = f"{Seat.REVIEWER if Seat.REVIEWER in seats_for(act) else Seat.ADMINISTRATOR} of another organization"
        action = f"Leave it to somebody who is {other}."
        raise Forbidden("Nobody decides for their own organization.", other, action, organization_id)
    need = ", ".join(seat for seat in Seat if seat in seats_for(act))
    raise Forbidden(f"{act.meaning} That takes one of these seats: {need}.", need=need, whose=organization_id)
