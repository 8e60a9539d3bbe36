"""Questions to the event store. Whoever asks first settles, so that the newest call is among the answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..db import Store
from ..values import Environment
from .line import load
from .tables import access_event
from .telling import Observed, telling

MOST = 1000
#: So many events one page goes through, whatever it finds in them: a question that nothing answers must not go through
#: everything there is while somebody waits.
LOOKED_AT = 20_000


class Page(NamedTuple):
    """Events, newest first, as the fields of their lines; ``cursor`` brings the next ones and is None at the end.

    There may be fewer events than were asked for, or none, and still a cursor: so far was looked.
    """

    events: list[dict[str, Any]]
    cursor: str | None


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
        mode: str | None = None,
        allowed: bool | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Events that fit, newest first, at most ``limit``. ``status_class`` 4 means 400 to 499.

        ``allowed`` is what the gate decided, also where it only observed: with ``mode="observe"`` and ``False``, what
        would have been refused.

        :raises ValueError: the cursor is none of ours.
        """
        self._settle()
        column = access_event.c
        indexed = _of(client, application, None, since, until)
        wanted = _of(None, None, environment, None, None) + _ended(status_class, reason, mode, allowed)
        is_narrowed, back = bool(wanted), None
        if cursor is not None:
            time, batch, place = _read_cursor(cursor)
            # Number zero is no batch's: all of that moment were looked at.
            indexed.append(column.time <= time if batch else column.time < time)
            wanted.append(_before(time, batch, place))
        limit = max(1, min(limit, MOST))
        with self._store.read() as conn:
            if is_narrowed and (back := _looked_back(conn, indexed)) is not None:
                wanted.append(column.time >= back)
            rows = _newest(conn, [*indexed, *wanted], limit + 1)
        return _page(rows, limit, back)

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
        with self._store.read() as conn:
            return telling(conn, application, None if environment is None else Environment(environment), since)


def _newest(conn: sa.Connection, wanted: Sequence[sa.ColumnElement[bool]], limit: int) -> Sequence[Any]:
    """The newest events that fit, with what a cursor says of them."""
    column = access_event.c
    return conn.execute(
        sa.select(column.time, column.batch, column.place, column.line)
        .where(*wanted)
        .order_by(column.time.desc(), column.batch.desc(), column.place.desc())
        .limit(limit)
    ).all()


def _page(rows: Sequence[Any], limit: int, back: dt.datetime | None) -> Page:
    """As many rows as were asked for, and where the next page goes on; ``back`` is as far as was looked."""
    more = None
    if len(rows) > limit:
        last = rows[limit - 1]
        more = _write_cursor(last.time, last.batch, last.place)
    elif back is not None:  # nothing more since then, so the next page goes on before it
        more = _write_cursor(back, 0, 0)
    return Page([load(row.line) for row in rows[:limit]], more)


def _looked_back(conn: sa.Connection, indexed: list[sa.ColumnElement[bool]]) -> dt.datetime | None:
    """The moment up to which one page looks back, asked of an index alone; None where there is no more than that."""
    time = access_event.c.time
    query = sa.select(time).where(*indexed).order_by(time.desc()).offset(LOOKED_AT - 1).limit(1)
    found: dt.datetime | None = conn.execute(query).scalar()
    return found


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


def _ended(
    status_class: int | None, reason: str | None, mode: str | None, allowed: bool | None
) -> list[sa.ColumnElement[bool]]:
    """How a call ended, and how it was looked at."""
    column = access_event.c
    wanted: list[sa.ColumnElement[bool]] = []
    if status_class is not None:
        wanted.append(column.status.between(status_class * 100, status_class * 100 + 99))
    if reason is not None:
        wanted.append(column.reason == reason)
    if mode is not None:
        wanted.append(column.mode == mode)
    if allowed is not None:
        wanted.append(column.allowed.is_(allowed))
    return wanted


def _write_cursor(time: dt.datetime, batch: int, place: int) -> str:
    micros = (time - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    return f"{micros}.{batch}.{place}"


def _read_cursor(cursor: str) -> tuple[dt.datetime, int, int]:
    parts = cursor.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        raise ValueError("not a cursor of ours")
    micros, batch, place = map(int, parts)
    try:
        time = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)
    except OverflowError:
        raise ValueError("not a cursor of ours") from None
    return time, batch, min(place, 2**31 - 1)


def _before(time: dt.datetime, batch: int, place: int) -> sa.ColumnElement[bool]:
    column = access_event.c
    here = sa.literal(time, column.time.type), sa.literal(batch), sa.literal(place)
    return sa.tuple_(column.time, column.batch, column.place) < sa.tuple_(*here)
