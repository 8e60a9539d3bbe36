"""What the stores, the spool, the ledger and the last drill say."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from ...credentials.tables import credential
from ...db import Store
from ...errors import APIGuardError, ConfigurationError
from ...events.spool import ROTATE_AT, files
from ...events.tables import event_spool
from ...house import House
from ...house.footing import can_write, footings
from ...ledger.tables import ledger as entries
from ...migrations import current
from ...people import Seat
from ...values import Happening
from ..common import sentences
from .finding import Finding, Look
from .kinds import ERROR, NOTE, Kind

SKEW = dt.timedelta(seconds=5)
#: Seconds that an event may wait in the spool while everything works.
WAITING = 60
_START = "Start PostgreSQL, or correct APIGUARD_DATABASE_URL."
#: A year, and the days that a rotation may take.
OLD = dt.timedelta(days=396)
DRILL_GOOD_FOR = dt.timedelta(days=90)
#: The doctor is quick: a longer ledger is `audit verify`'s.
ENTRIES_AT_MOST = 20_000


def folders(look: Look) -> Iterator[Finding]:
    """Where our files are or will be, and whether who runs this command can write there."""
    settings: dict[Path, list[str]] = {}
    for one in footings(look.house):
        if one.folder is not None and not can_write(one.folder):
            settings.setdefault(one.folder, []).append(one.setting)
    for folder, named in settings.items():
        if not any(other in folder.parents for other in settings):
            what = f"{folder} can't be written by this process."
            fix = f"Make it writable for whom the app runs as, or set {' and '.join(dict.fromkeys(named))}."
            yield look.found(Kind.FOLDER_UNWRITABLE, str(folder), what, fix=fix)


def stores(look: Look) -> Iterator[Finding]:
    """There, writable, and at the revision that this package wants."""
    house = look.house
    for store in (house.store, house.events_store):
        source = f"{store.schema.name} store"
        try:
            if store.path is not None and not can_write(store.path.parent):
                continue  # that is the finding: what can't be written can't be opened either
            if store.path is not None and not store.path.exists():
                yield look.found(Kind.STORE_EMPTY, source, f"{store.path} is not there yet.")
                continue
            found = current(store.engine, store.schema)
            if found != store.schema.head:
                what = f"The {source} is at {found or 'nothing'}, this package wants {store.schema.head}."
                yield look.found(Kind.STORE_BEHIND, source, what, severity=ERROR if store.path is None else NOTE)
                continue
            _write(store)
        except (APIGuardError, sa.exc.SQLAlchemyError) as error:
            what, fix = _why_away(store, error)
            yield look.found(Kind.STORE_AWAY, source, what, fix=fix)


def _why_away(store: Store, error: Exception) -> tuple[str, str]:
    """What is said of a store that can't be asked, and what mends it."""
    if isinstance(error, ConfigurationError):
        message, fix, _ = sentences(error)
        return message, fix
    if store.path is None:
        return f"The {store.schema.name} store does not answer.", _START
    cause = getattr(error.__cause__, "orig", error.__cause__)
    told = f" ({cause})" if cause is not None else ""
    return f"{store.path} can't be used{told}.", "Let this process write it; restore it from a backup, or move it away."


def _write(store: Store) -> None:
    """Take the writer's lock, write nothing."""
    with store.write() as tx:
        tx.execute(sa.text("SELECT 1"))


def clock(look: Look) -> Iterator[Finding]:
    """Whether this host's clock is the store's, and none has been set back."""
    house = look.house
    if house.store.dialect == "postgresql":
        with house.store.read() as conn:
            there = conn.execute(sa.select(sa.func.now())).scalar_one()
        skew = abs(house.clock.now() - there)
        if skew > SKEW:
            what = f"This host and the store differ by {skew.total_seconds():.0f} seconds."
            yield look.found(Kind.CLOCK_SKEW, "clock", what)
    newest = next(iter(house.ledger.entries(limit=1).entries), None)
    if newest is not None and newest.at > house.clock.now() + SKEW:
        what = f"The newest entry of the ledger is of {newest.at:%Y-%m-%d %H:%M:%S}: in the future."
        yield look.found(Kind.CLOCK_BACK, "clock", what)


def spool(look: Look) -> Iterator[Finding]:
    """Access events that wait to be taken over."""
    house = look.house
    folder = house.spool_folder
    with house.events_store.read() as conn:
        places = {row.name: row.place for row in conn.execute(sa.select(event_spool.c.name, event_spool.c.place))}
    waiting = {path: _written_behind(path, places.get(path.name, 0)) for path in files(folder)}
    late = {path: size for path, size in waiting.items() if size > 0 and time.time() - _changed(path) > WAITING}
    if late:
        what = f"{sum(late.values())} bytes of access events wait in {folder}."
        yield look.found(Kind.SPOOL_WAITS, str(folder), what)
    for lag in house.recorder.lag():
        if lag.error or lag.dead:
            what = f"The sink {lag.sink} has {lag.waiting} to take, {lag.dead} given up."
            yield look.found(Kind.SINK_BEHIND, f"sink {lag.sink}", what, why=lag.error or "")


def _written_behind(path: Path, place: int) -> int:
    """Bytes of events that stand behind a place; what is only allocated is none."""
    try:
        with path.open("rb") as file:
            file.seek(place)
            return len(file.read(ROTATE_AT).rstrip(b"\0").strip(b"\n"))
    except OSError:  # taken over meanwhile
        return 0


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # taken over meanwhile
        return time.time()


def ledger(look: Look) -> Iterator[Finding]:
    """Whether the record is what was written."""
    newest = next(iter(look.house.ledger.entries(limit=1).entries), None)
    if newest is None:
        return
    if newest.seq > ENTRIES_AT_MOST:
        what = f"The ledger has {newest.seq} entries, too many to look at in passing."
        yield look.found(Kind.LEDGER_LONG, "ledger", what)
        return
    found = look.house.ledger.verify()
    if not found.ok:
        yield look.found(Kind.LEDGER_TOUCHED, "ledger", found.wrong)
    signed = look.house.ledger.checkpoints(1)
    since = signed[0].at if signed else _began(look.house)
    if look.house.clock.now() - since > dt.timedelta(days=1):
        yield look.found(Kind.CHECKPOINT_OLD, "ledger")


def _began(house: House) -> dt.datetime:
    """When the first entry of a ledger was made that has one."""
    with house.store.read() as conn:
        first: dt.datetime = conn.execute(sa.select(entries.c.at).order_by(entries.c.seq).limit(1)).scalar_one()
    return first


def drill(look: Look) -> Iterator[Finding]:
    """Whether somebody has seen a revocation hold."""
    page = look.house.ledger.entries(happening=str(Happening.MONITOR_DRILL_RUN), limit=1)
    last = next(iter(page.entries), None)
    if last is None:
        yield look.found(Kind.DRILL_MISSING, "ledger")
    elif not (last.after or {}).get("passed"):
        yield look.found(Kind.DRILL_FAILED, f"ledger entry {last.seq}", f"The drill of {last.at:%Y-%m-%d} failed.")
    elif look.house.clock.now() - last.at > DRILL_GOOD_FOR:
        yield look.found(Kind.DRILL_OLD, f"ledger entry {last.seq}", f"The last drill was on {last.at:%Y-%m-%d}.")


def administrators(look: Look) -> Iterator[Finding]:
    """Whether two people can decide."""
    seated = {held.person_id for held in look.house.people.members_of(None) if held.seat == Seat.ADMINISTRATOR}
    if not seated:
        yield look.found(Kind.ADMINISTRATOR_MISSING, "people")


def ages(look: Look) -> Iterator[Finding]:
    """Keys that were made long ago and open doors still."""
    now, table = look.house.clock.now(), credential
    old = sa.select(sa.func.count(), sa.func.min(table.c.id)).where(
        table.c.revoked_at.is_(None), table.c.expires_at > now, table.c.created_at < now - OLD,
        sa.or_(table.c.retire_at.is_(None), table.c.retire_at > now),
    )  # fmt: skip
    with look.house.store.read() as conn:
        count, oldest = conn.execute(old).one()
    if count:
        what = f"Credentials in use that are older than a year: {count}; the oldest is {oldest}."
        yield look.found(Kind.KEY_OLD, "credentials", what)


def opened(look: Look) -> bool:
    """Whether the stores are there to be asked."""
    try:
        for store in (look.house.store, look.house.events_store):
            if store.path is not None and not (can_write(store.path.parent) and store.path.exists()):
                return False
            if current(store.engine, store.schema) != store.schema.head:
                return False
    except (ConfigurationError, sa.exc.SQLAlchemyError):
        return False
    return True


#: ``stores`` itself asks nothing of what is inside; the others are asked only when they are open.
EXAMINATIONS = (folders, stores)
INSIDE = (clock, spool, ledger, drill, administrators, ages)
