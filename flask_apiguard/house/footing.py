"""What a house stands on: stores, secret, spool, counter. Looked at with the first request, before anything is decided.

A look makes what is missing, as first use would. What a person has to mend is told with path and fix, and shuts what is
guarded until it is mended; a store that does not answer may be back a moment later, and refuses each call by itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from .. import events, quotas
from ..db import Store
from ..errors import ConfigurationError, StoreAway
from ..migrations import writable
from .declared import DATABASE_URL, SECRET

if TYPE_CHECKING:
    from .house import House


@dataclass(frozen=True, slots=True)
class Footing:
    """One thing to stand on. ``look`` raises when it can't carry; ``needed``: nothing guarded is served without it.

    ``folder`` is where its files are, None when it has none; ``setting`` names another place for it.
    """

    setting: str
    folder: Path | None
    needed: bool
    look: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with one of them. ``shuts`` until somebody has mended it."""

    said: str
    shuts: bool


def footings(house: House) -> Iterator[Footing]:
    """All of them; makes nothing."""
    settings = house.settings
    for store in (house.store, house.events_store):
        yield Footing(DATABASE_URL.name, store.path and store.path.parent, True, partial(_open, store))
    if settings[SECRET] is None:
        yield Footing(SECRET.name, house.folder, True, house.read_secret)
    spool = house.spool_folder
    needed = settings[events.EVENTS_AWAY] == "closed"
    yield Footing(events.SPOOL.name, spool, needed, partial(writable, spool, events.SPOOL.name, 0o700))
    # What no limit is on needs no counter, and each call that is counted asks it by itself.
    yield Footing(quotas.COUNTERS_URL.name, house.counters_folder, False, partial(_open_counter, house))


def troubles(house: House) -> list[Trouble]:
    """All that is wrong; of what lies in a folder that can't be written, the first only."""
    found: dict[str, Trouble] = {}
    closed: list[Path] = []
    for one in footings(house):
        if one.folder is not None and any(one.folder.is_relative_to(folder) for folder in closed):
            continue
        try:
            one.look()
        except ConfigurationError as error:
            found.setdefault(error.fix, Trouble(str(error), one.needed))
        except (DBAPIError, StoreAway, OSError) as error:
            found.setdefault(one.setting, _away(one, error))
        else:
            continue
        if one.folder is not None and not can_write(one.folder):
            closed.append(one.folder)
    return list(found.values())


def can_write(folder: Path) -> bool:
    """Whether this process can write a folder, or make it, as far as that shows without trying."""
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _open(store: Store) -> None:
    if store.path is not None:
        writable(store.path.parent, DATABASE_URL.name)
    store.open()


def _open_counter(house: House) -> None:
    if house.counters_folder == house.folder:  # with the state elsewhere nobody made it yet
        writable(house.folder, quotas.COUNTERS_URL.name)
    of_oauth = (house.once_counter, house.asked_counter) if house.places is not None else ()
    for counter in (house.counter, house.tried_counter, *of_oauth):
        counter.open()


def _away(one: Footing, error: Exception) -> Trouble:
    """What is said of a file that can't be used, or of a server that does not answer: it may be back in a moment."""
    cause = error.__cause__ or error
    if isinstance(cause, ConfigurationError):  # what is at its place is not ours, and stays there
        return Trouble(str(cause), one.needed)
    told = str(getattr(cause, "orig", None) or cause).partition("\n")[0]
    if one.folder is None:
        return Trouble(f"What {one.setting} names does not answer ({type(cause).__name__}: {told}).", False)
    fix = f"Let this process write what is ours there, restore it from a backup, or set {one.setting}."
    return Trouble(f"A file in {one.folder} can't be used ({told}). {fix}", one.needed)
