"""What a process remembers until a change says otherwise."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")
#: What another thread may hold locked at the moment of a fork: in the child nobody would ever let go of it.
FORKED: weakref.WeakSet[Any] = weakref.WeakSet()


def _after_fork() -> None:
    for part in list(FORKED):
        part.forked()


os.register_at_fork(after_in_child=_after_fork)


class Memory(Generic[Value]):
    """A bounded memory that forgets by subject. The oldest entry makes room for a new one."""

    def __init__(self, bound: int = 50_000) -> None:
        self._bound = bound
        self._values: dict[bytes | str, Value] = {}
        self._subjects: dict[bytes | str, tuple[str, ...]] = {}
        self._by_subject: dict[str, set[bytes | str]] = {}
        self._lock = threading.Lock()
        FORKED.add(self)
        self._version = 0
        #: What is remembered under a key; None for nothing.
        self.get: Callable[[bytes | str], Value | None] = self._values.get

    @property
    def version(self) -> int:
        """Moves with every forgetting. Read it before reading the store, and give it to ``put``."""
        return self._version

    def __len__(self) -> int:
        return len(self._values)

    def forked(self) -> None:
        """In a child: nobody holds the lock."""
        self._lock = threading.Lock()

    def put(self, key: bytes | str, value: Value, subjects: tuple[str, ...], version: int) -> None:
        """Remember, unless anything was forgotten since ``version``: what was read then may be what has changed."""
        with self._lock:
            if version != self._version:
                return
            if key in self._values:
                self._drop(key)
            while len(self._values) >= self._bound:
                self._drop(next(iter(self._values)))
            self._values[key], self._subjects[key] = value, subjects
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
            self._values.clear()
            self._subjects.clear()
            self._by_subject.clear()

    def _drop(self, key: bytes | str) -> None:
        del self._values[key]
        for subject in self._subjects.pop(key):
            keys = self._by_subject.get(subject)
            if keys is not None:
                keys.discard(key)
                if not keys:
                    del self._by_subject[subject]
