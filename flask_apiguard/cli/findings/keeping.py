"""What the stores, the spool, the ledger and the last drill say."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from ...db import Store
from ...errors import APIGuardError, ConfigurationError, StoreAway
from ...events import SPOOL
from ...events.spool import entry_size, files
from ...events.tables import event_spool
from ...house.declared import SPOOL_FOLDER
from ...migrations import current
from ...people import Seat
from ...values import Happening
from ..common import sentences
from .finding import ERROR, NOTE, WARNING, Finding, Look

SKEW = dt.timedelta(seconds=5)
#: Seconds that an event may wait in the spool while everything works.
WAITING = 60
DRILL_GOOD_FOR = dt.timedelta(days=90)
#: The doctor is quick: a longer ledger is `audit verify`'s.
ENTRIES_AT_MOST = 20_000


def stores(look: Look) -> Iterator[Finding]:
    """There, writable, and at the revision that this package wants."""
    house = look.house
    for store in (house.store, house.events_store):
        source = f"{store.schema.name} store"
        try:
            if store.path is not None and not store.path.exists():
                yield Finding(
                    NOTE, "store-empty", f"{store.path} is not there yet.", "It is made at first use.",
                    "flask apiguard init", source,
                )  # fmt: skip
                continue
            found = current(store.engine, store.schema)
            if found != store.schema.head:
                yield Finding(
                    ERROR if store.path is None else NOTE, "store-behind",
                    f"The {source} is at {found or 'nothing'}, this package wants {store.schema.head}.",
                    "The app refuses to start on it." if store.path is None else "It is upgraded at first use.",
                    "flask apiguard db upgrade", source,
                )  # fmt: skip
                continue
            _write(store)
        except (APIGuardError, sa.exc.SQLAlchemyError) as error:
            message, fix, _ = sentences(error if isinstance(error, APIGuardError) else StoreAway(store.schema.name))
            yield Finding(
                ERROR, "store-away", message, "No call can be decided without it.",
                fix or "Look at its log.", source,
            )  # fmt: skip


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
            yield Finding(
                ERROR, "clock-skew", f"This host and the store differ by {skew.total_seconds():.0f} seconds.",
                "Keys end, windows turn and entries are dated by each host's own clock.", "Run NTP on both.", "clock",
            )  # fmt: skip
    newest = next(iter(house.ledger.entries(limit=1).entries), None)
    if newest is not None and newest.at > house.clock.now() + SKEW:
        yield Finding(
            ERROR, "clock-back", f"The newest entry of the ledger is of {newest.at:%Y-%m-%d %H:%M:%S}: in the future.",
            "The clock was set back here, or is ahead on another host.", "Run NTP on every host.", "clock",
        )  # fmt: skip


def spool(look: Look) -> Iterator[Finding]:
    """Access events that wait to be taken over."""
    house = look.house
    named = house.settings[SPOOL]
    folder = Path(named) if named else house.folder / SPOOL_FOLDER
    with house.events_store.read() as conn:
        places = {row.name: row.place for row in conn.execute(sa.select(event_spool.c.name, event_spool.c.place))}
    waiting = {path: entry_size(path) - places.get(path.name, 0) for path in files(folder)}
    late = {path: size for path, size in waiting.items() if size > 0 and time.time() - _changed(path) > WAITING}
    if late:
        yield Finding(
            WARNING, "spool-waits", f"{sum(late.values())} bytes of access events wait in {folder}.",
            "What waits there is safe, and in no answer yet.",
            "flask apiguard tick takes them over; where it can't, the event store is why.", str(folder),
        )  # fmt: skip
    for lag in house.recorder.lag():
        if lag.error or lag.dead:
            yield Finding(
                WARNING, "sink-behind", f"The sink {lag.sink} has {lag.waiting} to take, {lag.dead} given up.",
                lag.error or "Some events were refused for good.", "Look at the sink.", f"sink {lag.sink}",
            )  # fmt: skip


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
        yield Finding(
            NOTE, "ledger-long", f"The ledger has {newest.seq} entries, too many to look at in passing.",
            "A look at all of them takes a while.", "flask apiguard audit verify, every night", "ledger",
        )  # fmt: skip
        return
    found = look.house.ledger.verify()
    if not found.ok:
        yield Finding(
            ERROR, "ledger-touched", found.wrong, "Somebody, or a restored copy, changed what governance did.",
            "flask apiguard audit verify; then compare with a backup.", "ledger",
        )  # fmt: skip
    signed = look.house.ledger.checkpoints(1)
    if not signed or look.house.clock.now() - signed[0].at > dt.timedelta(days=1):
        yield Finding(
            WARNING if look.deploy else NOTE, "checkpoint-old", "The ledger's head was not signed for a day.",
            "Until it is, cutting off its newest entries leaves no trace.", "flask apiguard tick, every five minutes",
            "ledger",
        )  # fmt: skip


def drill(look: Look) -> Iterator[Finding]:
    """Whether somebody has seen a revocation hold."""
    page = look.house.ledger.entries(happening=str(Happening.MONITOR_DRILL_RUN), limit=1)
    last = next(iter(page.entries), None)
    fix = "flask apiguard drill --workers-url http://127.0.0.1:8000"
    if last is None:
        yield Finding(
            look.graver(NOTE), "drill-missing", "No drill has shown how fast a revocation holds.",
            "That it holds at once, on every worker, is a claim until then.", fix, "ledger",
        )  # fmt: skip
    elif not (last.after or {}).get("passed"):
        yield Finding(
            look.graver(), "drill-failed", f"The drill of {last.at:%Y-%m-%d} failed.",
            "Something revoked opened a door for longer than allowed.", fix, f"ledger entry {last.seq}",
        )  # fmt: skip
    elif look.house.clock.now() - last.at > DRILL_GOOD_FOR:
        yield Finding(
            WARNING, "drill-old", f"The last drill was on {last.at:%Y-%m-%d}.", "Much was deployed since.", fix,
            f"ledger entry {last.seq}",
        )  # fmt: skip


def administrators(look: Look) -> Iterator[Finding]:
    """Whether two people can decide."""
    seated = {held.person_id for held in look.house.people.members_of(None) if held.seat == Seat.ADMINISTRATOR}
    if not seated:
        yield Finding(
            NOTE, "administrator-missing", "Nobody is administrator.", "Only this machine's operators can decide.",
            "flask apiguard init --email YOU@EXAMPLE.ORG", "people",
        )  # fmt: skip


def opened(look: Look) -> bool:
    """Whether the stores are there to be asked."""
    try:
        for store in (look.house.store, look.house.events_store):
            if store.path is not None and not store.path.exists():
                return False
            if current(store.engine, store.schema) != store.schema.head:
                return False
    except (ConfigurationError, sa.exc.SQLAlchemyError):
        return False
    return True


#: ``stores`` itself asks nothing of what is inside; the others are asked only when they are open.
EXAMINATIONS = (stores,)
INSIDE = (clock, spool, ledger, drill, administrators)
