"""What a file says, held against what is stored: a list of changes, each knowing how it is made."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import access, quotas
from ..access import Role, Scope
from ..db import Transaction
from ..errors import ConfigurationError
from ..house import House
from ..onboarding import Demand
from ..people import HOUSE_SEATS, Act
from ..values import SCOPE_RULE, By, is_scope
from .common import USAGE, Refused

NEW, CHANGED, TAKEN = "+", "~", "-"
TABLES = {
    "checks": frozenset[str](),  # what each check takes is the check's own to say
    "graduation": frozenset[str](),
    "scopes": frozenset({"description", "risk", "access", "sender_constrained"}),
    "roles": frozenset({"description", "scopes"}),
    "plans": frozenset({"title", "limits", "sender_constrained"}),
    "people": frozenset({"email", "seats"}),
}


@dataclass(frozen=True)
class Change:
    """One difference. ``act`` is what its maker must be allowed."""

    sign: str
    what: str
    detail: str
    act: Act
    make: Callable[[Transaction, By], object] = field(repr=False)


def changes_of(house: House, wanted: Mapping[str, Any], reason: str) -> list[Change]:
    """Everything that differs, in the order in which it is to be made.

    :raises Refused: the file says something that means nothing, with its place; status 2.
    """
    _demand_shape(wanted)
    return [
        *_scopes(house, wanted.get("scopes", {})), *_roles(house, wanted.get("roles", {})),
        *_plans(house, wanted.get("plans", {}), reason), *_demands(house, wanted, reason),
        *_people(house, wanted.get("people", [])),
    ]  # fmt: skip


def _demand_shape(wanted: Mapping[str, Any]) -> None:
    _known(wanted, frozenset(TABLES), "")
    for name in ("scopes", "roles", "plans"):
        part = wanted.get(name, {})
        if not isinstance(part, dict):
            raise _wrong(name, "is a table of tables")
        for key, told in part.items():
            if name == "scopes" and isinstance(told, str):
                continue
            if not isinstance(told, dict):
                raise _wrong(f'{name}."{key}"', "is a table")
            _known(told, TABLES[name], f'{name}."{key}".')
    people = wanted.get("people", [])
    if not isinstance(people, list) or not all(isinstance(one, dict) for one in people):
        raise _wrong("people", "is a list of tables: [[people]]")
    for place, one in enumerate(people):
        _known(one, TABLES["people"], f"people[{place}].")


def _known(told: Mapping[str, Any], names: frozenset[str], place: str) -> None:
    for key in told:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            fix = f"Did you mean {near[0]}?" if near else "Known here: " + ", ".join(sorted(names)) + "."
            raise Refused(f"{place}{key} means nothing.", fix, USAGE)


def _wrong(place: str, what: str) -> Refused:
    return Refused(f"{place} {what}.", "See `flask apiguard apply --help`.", USAGE)


def _texts(told: Any, place: str) -> list[str]:
    if not isinstance(told, list) or not all(isinstance(one, str) and one for one in told):
        raise _wrong(place, "is a list of texts")
    return told


def _scopes(house: House, wanted: Mapping[str, Any]) -> Iterator[Change]:
    with house.store.read() as conn:
        stored = access.stored(conn)
    for name, told in wanted.items():
        try:
            scope = access.read_scope(name, told)
        except ConfigurationError as error:
            raise Refused(f'scopes."{name}": {error}', status=USAGE) from None
        before = stored.get(name)
        if before == scope:
            continue

        def make(tx: Transaction, by: By, scope: Scope = scope) -> object:
            return access.put_scope(tx, by, scope)

        yield Change(
            CHANGED if before else NEW, f"scope {name}", _differs(_scope_facts(before), _scope_facts(scope)),
            Act.ACCESS_SCOPE_WRITE, make,
        )  # fmt: skip


def _scope_facts(scope: Scope | None) -> dict[str, Any]:
    if scope is None:
        return {}
    return {
        "description": scope.description, "risk": str(scope.risk), "access": str(scope.access),
        "sender_constrained": scope.sender_constrained,
    }  # fmt: skip


def _roles(house: House, wanted: Mapping[str, Any]) -> Iterator[Change]:
    with house.store.read() as conn:
        stored = access.roles(conn)
    for name, told in wanted.items():
        scopes = _texts(told.get("scopes", []), f'roles."{name}".scopes')
        if not all(map(is_scope, scopes)):
            raise Refused(f'roles."{name}".scopes has what can be no scope.', SCOPE_RULE, USAGE)
        description = told.get("description", "")
        if not isinstance(description, str):
            raise _wrong(f'roles."{name}".description', "is a text")
        role = Role(name, frozenset(scopes), description)
        before = stored.get(name)
        if before == role:
            continue

        def make(tx: Transaction, by: By, role: Role = role) -> object:
            return access.put_role(tx, by, role)

        facts = [{} if one is None else {"scopes": sorted(one.scopes), "description": one.description}
                 for one in (before, role)]  # fmt: skip
        sign = CHANGED if before else NEW
        yield Change(sign, f"role {name}", _differs(*facts), Act.ACCESS_SCOPE_WRITE, make)


def _plans(house: House, wanted: Mapping[str, Any], reason: str) -> Iterator[Change]:
    with house.store.read() as conn:
        stored = {one.name: one for one in quotas.plans(conn)}
    for name, told in wanted.items():
        limits = told.get("limits", [])
        items = quotas.parse_items(limits, f"/plans/{name}/limits")
        before = stored.get(name)
        title = told.get("title") or (before.title if before else name)
        bound = told.get("sender_constrained", False)
        if not isinstance(bound, bool):
            raise _wrong(f'plans."{name}".sender_constrained', "is true or false")
        new = {"title": title, "limits": [one.as_dict() for one in items], "sender_constrained": bound}
        old = {} if before is None else _plan_facts(before)
        if old == new:
            continue

        def make(
            tx: Transaction, by: By, name: str = name, limits: Any = limits, title: Any = title, bound: bool = bound
        ) -> object:
            return quotas.put_plan(tx, by, name, limits, title=title, reason=reason, sender_constrained=bound)

        yield Change(CHANGED if before else NEW, f"plan {name}", _differs(old, new), Act.QUOTAS_PLAN_WRITE, make)


def _plan_facts(plan: quotas.Plan) -> dict[str, Any]:
    return {
        "title": plan.title, "limits": [one.as_dict() for one in plan.items],
        "sender_constrained": plan.sender_constrained,
    }  # fmt: skip


def _demands(house: House, wanted: Mapping[str, Any], reason: str) -> Iterator[Change]:
    """What checks are told, and what graduation asks for."""
    room = house.onboarding
    with house.store.read() as conn:
        plans = {one.name for one in quotas.plans(conn)} | set(wanted.get("plans", {}))
        try:
            demands = room.demands_of(wanted.get("checks", {}), wanted.get("graduation", {}), plans)
        except ConfigurationError as error:
            raise Refused(str(error).removesuffix(error.fix).strip(), error.fix, USAGE) from None
        before = {one.name: room.demanded(conn, one.name) for one in demands}
    for demand in demands:
        old, new = before[demand.name], demand.value
        if old == new:
            continue

        def make(tx: Transaction, by: By, demand: Demand = demand) -> None:
            room.write_demand(tx, by, demand, reason)

        detail = _differs(old, new) if isinstance(new, dict) else f"{_shown(old)} -> {_shown(new)}"
        yield Change(CHANGED, demand.name.replace(":", " "), detail, Act.SETTINGS_SETTING_WRITE, make)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) or "nothing"


def _people(house: House, wanted: list[Mapping[str, Any]]) -> Iterator[Change]:
    offered = {(one.email, one.seat) for one in house.people.invitations(None)}
    given, taken = [], []
    for place, told in enumerate(wanted):
        email = told.get("email")
        if not isinstance(email, str):
            raise _wrong(f"people[{place}].email", "is an address")
        seats = set(_texts(told.get("seats", []), f"people[{place}].seats"))
        for seat in sorted(seats - HOUSE_SEATS):
            fix = "Use " + ", ".join(sorted(HOUSE_SEATS)) + "."
            raise Refused(f"people[{place}].seats: {seat} is no seat of the house.", fix, USAGE)
        person = house.people.person_by_email(email)
        if person is None:
            given += [_invitation(house, email, seat) for seat in sorted(seats) if (email.lower(), seat) not in offered]
            continue
        held = {one.seat for one in house.people.seats_of(person.id) if one.organization_id is None}
        given += [_seat(house, person.id, email, seat) for seat in sorted(seats - held)]
        taken += [_unseat(house, person.id, email, seat) for seat in sorted(held - seats)]
    yield from given
    yield from taken  # last, so that somebody else sits there already


def _invitation(house: House, email: str, seat: str) -> Change:
    def make(tx: Transaction, by: By) -> object:
        return house.people.invite(tx, by, email, None, seat)

    return Change(NEW, f"invitation of {email}", f"seat {seat}", Act.PEOPLE_INVITATION_SEND, make)


def _seat(house: House, person_id: str, email: str, seat: str) -> Change:
    def make(tx: Transaction, by: By) -> object:
        return house.people.give_seat(tx, by, person_id, None, seat)

    return Change(NEW, f"seat of {email}", seat, Act.PEOPLE_SEAT_GIVE, make)


def _unseat(house: House, person_id: str, email: str, seat: str) -> Change:
    def make(tx: Transaction, by: By) -> None:
        house.people.take_seat(tx, by, person_id, None, seat)

    return Change(TAKEN, f"seat of {email}", seat, Act.PEOPLE_SEAT_TAKE, make)


def _differs(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if not before:
        return ", ".join(f"{name} {value}" for name, value in after.items() if value)
    return ", ".join(
        f"{name} {before.get(name)} -> {value}" for name, value in after.items() if before.get(name) != value
    )
