"""The round on PostgreSQL: the apps of this process find their stores there, whatever file they name or would make.

An app keeps its folder, its secret and its settings; two apps that would share a file share a database. Apps in other
processes know nothing of it: tests that start one, or look at the file itself, are marked ``sqlite``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import pytest

from flask_apiguard.house.places import Ground

from .postgres import Prepared


class Owner:
    """A test, or a file of tests: its houses are closed with it, and its databases given back."""

    def __init__(self) -> None:
        self.houses: list[Any] = []
        self.files: list[str] = []


class Round:
    """Databases in the place of files."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._lock = threading.Lock()
        self._databases: dict[str, str] = {}
        self._owners: list[Owner] = []
        self._owner_of: WeakKeyDictionary[Ground, Owner] = WeakKeyDictionary()

    @contextmanager
    def owner(self) -> Iterator[None]:
        """Houses that are made inside are closed at the end, and their databases are given back."""
        made = Owner()
        self._owners.append(made)
        try:
            yield
        finally:
            self._owners.remove(made)
            for house in made.houses:
                house.close()
            for file in made.files:
                self._prepared.take_back(self._databases.pop(file))

    def own(self, house: Ground) -> None:
        """A house belongs to the innermost owner of the moment in which it is made, whenever its store is opened."""
        if self._owners:
            self._owners[-1].houses.append(house)
            self._owner_of[house] = self._owners[-1]

    def url(self, house: Ground, said: str) -> str:
        """Where the store of ``said``, a URL, is in this round."""
        if not said.startswith("sqlite") or house not in self._owner_of:
            return said
        with self._lock:
            if said not in self._databases:
                self._databases[said] = self._prepared.lend()
                self._owner_of[house].files.append(said)
            return self._prepared.postgres.url(self._databases[said])


@contextmanager
def on_postgres(prepared: Prepared) -> Iterator[Round]:
    """From here on, in this process."""
    round_ = Round(prepared)
    begin, state_url = Ground.__init__, Ground._state_url

    def init(house: Ground, *args: Any) -> None:
        begin(house, *args)
        round_.own(house)

    def url(house: Ground) -> str:
        return round_.url(house, state_url(house))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ground, "__init__", init)
        patch.setattr(Ground, "_state_url", url)
        patch.setattr(Ground, "_events_url", url)
        yield round_
