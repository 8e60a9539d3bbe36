"""Questions to the event store. Whoever asks first settles, so that the newest call is among the answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..db import Store
from ..values import Reason
from .line import load
from .tables import access_event

MOST = 1000


class Page(NamedTuple):
    """Events, newest first, as the fields of their lines; ``cursor`` brings the next ones and is None at the end."""

    events: list[dict[str, Any]]
    cursor: str | None


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
class Summary:
    """Counts of calls. Keys of ``by_route`` are (method, route); a stream counts once, when it ends."""

    total: int
    allowed: int
    by_status: dict[int, int]
    by_reason: dict[str, int]
    by_route: dict[tuple[str, str | None], int]
    first: dt.datetime | None
    last: dt.datetime | None


class Query:
    """Reads the event store. ``settle`` is called before every answer."""

    def __init__(self, store: Store, settle: Callable[[], object]) -> None:
        self._store = store
        self._settle = settle

    def find(self, request_id: str) -> list[dict[str, Any]]:
        """Every event of one request, as the fields of its line, opened before closed."""
        self._settle()
        with self._store.read() as conn:
            found = conn.execute(
                sa.select(access_event.c.line)
                .where(access_event.c.id == request_id)
                .order_by(access_event.c.batch, access_event.c.place)
            )
            return [load(line) for line in found.scalars()]

    def calls(
        self,
        *,
        client: str | None = None,
        application: str | None = None,
        environment: str | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        status_class: int | None = None,
        reason: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Events that fit, newest first, at most ``limit``. ``status_class`` 4 means 400 to 499.

        :raises ValueError: the cursor is none of ours.
        """
        self._settle()
        column = access_event.c
        wanted = _of(client, application, environment, since, until)
        if status_class is not None:
            wanted.append(column.status.between(status_class * 100, status_class * 100 + 99))
        if reason is not None:
            wanted.append(column.reason == reason)
        if cursor is not None:
            wanted.append(sa.tuple_(column.time, column.batch, column.place) < sa.tuple_(*_read_cursor(cursor)))
        limit = max(1, min(limit, MOST))
        with self._store.read() as conn:
            rows = conn.execute(
                sa.select(column.time, column.batch, column.place, column.line)
                .where(*wanted)
                .order_by(column.time.desc(), column.batch.desc(), column.place.desc())
                .limit(limit + 1)
            ).all()
        more = _write_cursor(rows[limit - 1]) if len(rows) > limit else None
        return Page([load(row.line) for row in rows[:limit]], more)

    def summary(
        self,
        *,
        client: str | None = None,
        application: str | None = None,
        environment: str | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
    ) -> Summary:
        """Counts of the calls that fit."""
        self._settle()
        column = access_event.c
        wanted = [*_of(client, application, environment, since, until), column.phase != "opened"]
        keys = (column.status, column.reason, column.method, column.route, column.allowed)
        with self._store.read() as conn:
            groups = conn.execute(
                sa.select(*keys, sa.func.count().label("calls"), sa.func.min(column.time), sa.func.max(column.time))
                .where(*wanted)
                .group_by(*keys)
            ).all()
        by_status: dict[int, int] = {}
        by_reason: dict[str, int] = {}
        by_route: dict[tuple[str, str | None], int] = {}
        for status, reason, method, route, _, calls, _, _ in groups:
            by_status[status] = by_status.get(status, 0) + calls
            by_reason[reason] = by_reason.get(reason, 0) + calls
            by_route[method, route] = by_route.get((method, route), 0) + calls
        return Summary(
            total=sum(group.calls for group in groups),
            allowed=sum(group.calls for group in groups if group.allowed),
            by_status=by_status,
            by_reason=by_reason,
            by_route=by_route,
            first=min((group[6] for group in groups), default=None),
            last=max((group[7] for group in groups), default=None),
        )

    def telling(
        self, application: str, environment: str | None = None, since: dt.datetime | None = None
    ) -> list[Observed]:
        """Those calls of an application that say something new, oldest first, however many were made.

        Of each kind (route, method, status and reason alike) the first; and at each place the first good call after
        its first refusal, and the first that was let in after its first 429.
        """
        self._settle()
        wanted = [*_of(None, application, environment, since, None), access_event.c.phase != "opened"]
        with self._store.read() as conn:
            kinds = _kinds(conn, wanted)
            firsts = _firsts(conn, wanted)
            found = {row[-2:]: row for row in firsts}
            for after, test in ((_REFUSED, _GOOD), (_SLOWED, _LET_IN)):
                for mark in _marks(firsts, kinds, after, test):
                    row = _next_after(conn, wanted, mark, test)
                    if row is not None:
                        found[row[-2:]] = row
        return [Observed(*row[:7]) for row in sorted(found.values(), key=lambda row: (row.time, *row[-2:]))]


_SHOWN = (
    access_event.c.route, access_event.c.method, access_event.c.status, access_event.c.reason, access_event.c.need,
    access_event.c.time, access_event.c.id, access_event.c.batch, access_event.c.place,
)  # fmt: skip
_KIND = (access_event.c.route, access_event.c.method, access_event.c.status, access_event.c.reason)


@dataclass(frozen=True, slots=True)
class _Test:
    """One question about a call, asked of a row here and of the store in SQL."""

    row: Callable[[Any], bool]
    sql: sa.ColumnElement[bool]


_ALLOWED = str(Reason.ALLOWED)
_GOOD = _Test(
    lambda row: 200 <= row.status < 400 and row.reason == _ALLOWED,
    sa.and_(access_event.c.status.between(200, 399), access_event.c.reason == _ALLOWED),
)
_REFUSED = _Test(
    lambda row: 400 <= row.status < 500 and row.reason != _ALLOWED,
    sa.and_(access_event.c.status.between(400, 499), access_event.c.reason != _ALLOWED),
)
_SLOWED = _Test(lambda row: row.status == 429, access_event.c.status == 429)
_LET_IN = _Test(lambda row: row.status != 429, access_event.c.status != 429)


def _kinds(conn: sa.Connection, wanted: list[sa.ColumnElement[bool]]) -> list[Any]:
    """Each kind of call with the time of its last one."""
    last = sa.func.max(access_event.c.time).label("last")
    return list(conn.execute(sa.select(*_KIND, last).where(*wanted).group_by(*_KIND)))


def _firsts(conn: sa.Connection, wanted: list[sa.ColumnElement[bool]]) -> list[Any]:
    """The first call of each kind, in order."""
    column = access_event.c
    first = sa.select(*_KIND, sa.func.min(column.time).label("time")).where(*wanted).group_by(*_KIND).subquery()
    same = [column.time == first.c.time, column.route.is_not_distinct_from(first.c.route)]
    same += [column[name] == first.c[name] for name in ("method", "status", "reason")]
    rows = conn.execute(
        sa.select(*_SHOWN).join(first, sa.and_(*same)).where(*wanted)
        .order_by(column.time, column.batch, column.place)
    )  # fmt: skip
    once: dict[tuple[Any, ...], Any] = {}
    for row in rows:
        once.setdefault(tuple(row[:4]), row)
    return list(once.values())


def _marks(firsts: list[Any], kinds: list[Any], after: _Test, test: _Test) -> list[Any]:
    """The first call of each place that passes ``after``, where one that passes ``test`` is known to follow."""
    last: dict[tuple[str | None, str], dt.datetime] = {}
    for kind in kinds:
        if test.row(kind):
            place = (kind.route, kind.method)
            last[place] = max(kind.last, last.get(place, kind.last))
    marks: dict[tuple[str | None, str], Any] = {}
    for row in firsts:
        if after.row(row):
            marks.setdefault((row.route, row.method), row)
    return [row for place, row in marks.items() if place in last and last[place] >= row.time]


def _next_after(conn: sa.Connection, wanted: list[sa.ColumnElement[bool]], mark: Any, test: _Test) -> Any:
    column = access_event.c
    order = (column.time, column.batch, column.place)
    return conn.execute(
        sa.select(*_SHOWN)
        .where(
            *wanted, test.sql, column.route.is_not_distinct_from(mark.route), column.method == mark.method,
            column.time >= mark.time, sa.tuple_(*order) > sa.tuple_(*_place(mark.time, mark.batch, mark.place)),
        )
        .order_by(*order)
        .limit(1)
    ).first()  # fmt: skip


def _of(
    client: str | None,
    application: str | None,
    environment: str | None,
    since: dt.datetime | None,
    until: dt.datetime | None,
) -> list[sa.ColumnElement[bool]]:
    column = access_event.c
    wanted: list[sa.ColumnElement[bool]] = []
    if client is not None:
        wanted.append(column.client == client)
    if application is not None:
        wanted.append(column.application == application)
    if environment is not None:
        wanted.append(column.environment == str(environment))
    if since is not None:
        wanted.append(column.time >= since)
    if until is not None:
        wanted.append(column.time < until)
    return wanted


def _place(time: dt.datetime, batch: int, place: int) -> tuple[Any, ...]:
    return sa.literal(time, access_event.c.time.type), sa.literal(batch), sa.literal(place)


def _write_cursor(row: Any) -> str:
    micros = (row.time - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    return f"{micros}.{row.batch}.{row.place}"


def _read_cursor(cursor: str) -> tuple[Any, ...]:
    parts = cursor.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        raise ValueError("not a cursor of ours")
    micros, batch, place = map(int, parts)
    try:
        time = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)
    except OverflowError:
        raise ValueError("not a cursor of ours") from None
    return _place(time, batch, min(place, 2**31 - 1))
