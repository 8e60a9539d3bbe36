"""What a process remembers until a change says otherwise."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")
#: Whose lock another thread may hold at the moment of a fork: in the child nobody would ever let go of it.
LOCKED: weakref.WeakSet[Any] = weakref.WeakSet()


def _after_fork() -> None:
    for part in list(LOCKED):
        part._lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


class Memory(Generic[Value]):
    """A bounded memory that forgets by subject. The oldest entry makes room for a new one."""

    def __init__(self, bound: int = 50_000) -> None:
        self._bound = bound
        self._entries: dict[bytes | str, tuple[Value, tuple[str, ...]]] = {}
        self._by_subject: dict[str, set[bytes | str]] = {}
        self._lock = threading.Lock()
        LOCKED.add(self)
        self._version = 0

    @property
    def version(self) -> int:
        """Moves with every forgetting. Read it before reading the store, and give it to ``put``."""
        return self._version

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes | str) -> Value | None:
        """What is remembered under a key."""
        found = self._entries.get(key)
        return found[0] if found is not None else None

    def put(self, key: bytes | str, value: Value, subjects: tuple[str, ...], version: int) -> None:
        """Remember, unless anything was forgotten since ``version``: what was read then may be what has changed."""
        with self._lock:
            if version != self._version:
                return
            if key in self._entries:
                self._drop(key)
            while len(self._entries) >= self._bound:
                self._drop(next(iter(self._entries)))
            self._entries[key] = (value, subjects)
            for subject in subjects:
                self._by_subject.setdefault(subject, set()).add(key)

    def forget(self, subjects: Iterable[str]) -> None:
        """Let go of everything that rests on one of the subjects."""
        with self._lock:
            self._version += 1
            for subject in subjects:
                for key in tuple(self._by_subject.get(subject, ())):
                    self._drop(key)

    def flush(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._version += 1
            self._entries.clear()
            self._by_subject.clear()

    def _drop(self, key: bytes | str) -> None:
        _, subjects = self._entries.pop(key)
        for subject in subjects:
            keys = self._by_subject.get(subject)
            if keys is not None:
                keys.discard(key)
                if not keys:
                    del self._by_subject[subject]
