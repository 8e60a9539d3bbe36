"""Those calls of an application that say something new, found without reading the others.

One index holds sandbox calls by kind (route, method, status and reason alike), each kind in the order of time. From the
first call of a kind the next kind is one step away, so that the work grows with the kinds and not with the calls.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..values import Environment, Reason
from .tables import CLOSED, SANDBOX, access_event

#: Kinds that are looked at: with and without a route. A client invents methods, but has only itself to blame.
ROUTED_AT_MOST, UNROUTED_AT_MOST = 1000, 50


class Observed(NamedTuple):
    """What is worth knowing of one call when many are looked at."""

    route: str | None
    method: str
    status: int
    reason: str
    need: str
    time: dt.datetime
    id: str


@dataclass(frozen=True, slots=True)
class _Pair:
    """What to look for after what, at one place."""

    mark: Callable[[Any], bool]
    after: Callable[[Any], bool]


_COLUMN = access_event.c
_SHOWN = (
    _COLUMN.route, _COLUMN.method, _COLUMN.status, _COLUMN.reason, _COLUMN.need, _COLUMN.time, _COLUMN.id,
    _COLUMN.batch, _COLUMN.place,
)  # fmt: skip
_KIND = (_COLUMN.route, _COLUMN.method, _COLUMN.status, _COLUMN.reason)
_ORDER = (_COLUMN.time, _COLUMN.batch, _COLUMN.place)
_BEFORE_ALL = ("", "", -1, "")
_ALLOWED = str(Reason.ALLOWED)
_PAIRS = (
    _Pair(
        lambda row: 400 <= row.status < 500 and row.reason != _ALLOWED,
        lambda row: 200 <= row.status < 400 and row.reason == _ALLOWED,
    ),
    _Pair(lambda row: row.status == 429, lambda row: row.status != 429),
)


def telling(
    conn: sa.Connection, application: str, environment: Environment | None, since: dt.datetime | None
) -> list[Observed]:
    """The first call of each kind; and at each place (route and method) the first good call after its first refusal,
    and the first that was let in after its first 429. Oldest first. ``environment`` None: in all, without the index.
    """
    wanted = [_COLUMN.application == application, CLOSED]
    if environment is not None:
        wanted.append(SANDBOX if environment is Environment.SANDBOX else _COLUMN.environment == environment.value)
    firsts = [*_firsts(conn, wanted, since, routed=True), *_firsts(conn, wanted, since, routed=False)]
    found = {row[-2:]: row for row in firsts}
    for place in _places(firsts):
        for pair in _PAIRS:
            row = _answered(conn, wanted, place, pair)
            if row is not None:
                found[row[-2:]] = row
    return [Observed(*row[:7]) for row in sorted(found.values(), key=_moment)]


def _moment(row: Any) -> tuple[Any, ...]:
    return (row.time, row.batch, row.place)


def _firsts(
    conn: sa.Connection, wanted: list[sa.ColumnElement[bool]], since: dt.datetime | None, *, routed: bool
) -> Iterator[Any]:
    """The first call of each kind, kind by kind."""
    keys = _KIND if routed else _KIND[1:]
    here = [*wanted] if routed else [*wanted, _COLUMN.route.is_(None)]
    last = _BEFORE_ALL[-len(keys) :]
    for _ in range(ROUTED_AT_MOST if routed else UNROUTED_AT_MOST):
        step = sa.select(*_SHOWN).where(*here, sa.tuple_(*keys) > sa.tuple_(*map(sa.literal, last)))
        row: Any = conn.execute(step.order_by(*keys, *_ORDER).limit(1)).first()
        if row is None:
            return
        last = tuple(getattr(row, key.name) for key in keys)
        if since is not None and row.time < since:
            row = conn.execute(_alike(wanted, row).where(_COLUMN.time >= since)).first()
        if row is not None:
            yield row


def _alike(wanted: list[sa.ColumnElement[bool]], row: Any) -> sa.Select[Any]:
    """The first call of a row's kind, to be narrowed."""
    same = [_COLUMN[name] == getattr(row, name) for name in ("method", "status", "reason")]
    route = _COLUMN.route.is_(None) if row.route is None else _COLUMN.route == row.route
    return sa.select(*_SHOWN).where(*wanted, route, *same).order_by(*_ORDER).limit(1)


def _places(firsts: list[Any]) -> list[list[Any]]:
    places: dict[tuple[str | None, str], list[Any]] = {}
    for row in firsts:
        places.setdefault((row.route, row.method), []).append(row)
    return list(places.values())


def _answered(conn: sa.Connection, wanted: list[sa.ColumnElement[bool]], place: list[Any], pair: _Pair) -> Any:
    """The first call at a place that passes ``after``, later than the first that passes ``mark``."""
    mark = min((_moment(row) for row in place if pair.mark(row)), default=None)
    if mark is None:
        return None
    time, batch, number = mark
    # Not one comparison of all three: SQLite would look for an index of these rather than for the kind.
    seen = sa.and_(_COLUMN.time == time, sa.tuple_(_COLUMN.batch, _COLUMN.place) <= (batch, number))
    found = []
    for kind in filter(pair.after, place):
        row = kind
        if _moment(kind) <= mark:
            row = conn.execute(_alike(wanted, kind).where(_COLUMN.time >= time, ~seen)).first()
        if row is not None:
            found.append(row)
    return min(found, key=_moment, default=None)
