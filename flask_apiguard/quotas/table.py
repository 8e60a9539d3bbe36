"""The layout of the shared counter file: a header, then slots of equal size, found by open addressing.

A slot is a 16-byte digest of the key, a state byte, a kind byte, and two places for the window. The state byte says
which of the two is valid: another window is written beside the valid one, and flipping the byte is the moment at which
it holds. Within a window only its count moves, by one store. An expired slot is reused in place, by way of ``PASSED``,
so that no probe for another key ever ends too early.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from mmap import mmap

from .counting import Kind, Window, dies

MAGIC = b"APGCNT01"
HEADER = 64
SLOT = 88
_HEAD = struct.Struct("=8sQQQ")  # magic; used slots; capacity; may grow. The moved flag is the byte after them.
_USED_AT, _CAPACITY_AT, _GROW_AT, MOVED_AT = 8, 16, 24, 32
_NUMBER = struct.Struct("=Q")
_WINDOW = struct.Struct("=qqqq")
#: Start, end, current and previous of the window that stands somewhere in a buffer.
window_at = _WINDOW.unpack_from
#: A count as it stands in a window.
count_of = struct.Struct("=q").pack
STATE_AT, _KIND_AT = 16, 17
#: Where the window lies in a slot, by state.
WINDOW_AT = (0, 24, 56)
#: Where in a window its count begins, and ends.
CURRENT_AT, CURRENT_END = 16, 24
EMPTY, FIRST, SECOND, PASSED = 0, 1, 2, 3


class Full(Exception):
    """No room for another key: rebuild first."""


def write_count(buffer: mmap | bytearray, window: int, count: int) -> None:
    """Put another count into the window at a place.

    By one copy of eight aligned bytes, so that whoever is killed has written all of them or none. ``pack_into`` would
    fill them with zeros first.
    """
    buffer[window + CURRENT_AT : window + CURRENT_END] = count_of(count)


def size_of(capacity: int) -> int:
    """Bytes of a file with so many slots."""
    return HEADER + capacity * SLOT


def header(capacity: int, used: int, may_grow: bool = True) -> bytes:
    """The header of a table."""
    return _HEAD.pack(MAGIC, used, capacity, may_grow)


class Table:
    """One mapped file. Whoever calls holds the lock. Places are offsets into the file; 0 is none."""

    __slots__ = ("_mask", "_room", "buffer", "capacity", "size")

    def __init__(self, buffer: mmap | bytearray) -> None:
        self.buffer = buffer
        (self.capacity,) = _NUMBER.unpack_from(buffer, _CAPACITY_AT)
        (may_grow,) = _NUMBER.unpack_from(buffer, _GROW_AT)
        self._mask = self.capacity - 1
        #: How many slots may be in use before the table is rebuilt; at its largest it is filled further.
        self._room = self.capacity * (6 if may_grow else 9) // 10
        self.size = size_of(self.capacity)

    @property
    def moved(self) -> bool:
        """Whether another file took this one's place."""
        return self.buffer[MOVED_AT] != 0

    @moved.setter
    def moved(self, value: bool) -> None:
        self.buffer[MOVED_AT] = int(value)

    def holds(self, place: int, digest: bytes) -> bool:
        """Whether the slot at a place is alive under this digest."""
        state = self.buffer[place + STATE_AT]
        return state in (FIRST, SECOND) and self.buffer[place : place + 16] == digest

    def find(self, digest: bytes) -> int:
        """The place of a key, or 0."""
        buffer = self.buffer
        for place in self._probe(digest):
            state = buffer[place + STATE_AT]
            if state == EMPTY:
                return 0
            if state != PASSED and buffer[place : place + 16] == digest:
                return place
        return 0

    def insert(self, digest: bytes, window: Window, sliding: bool, at: int, spared: Sequence[int] = ()) -> int:
        """Give a key that is not in the table a slot: the first in its way that is free or whose window is dead.

        ``spared`` are places that the same call is about to write.

        :raises Full: there is none.
        """
        buffer = self.buffer
        for place in self._probe(digest):
            state = buffer[place + STATE_AT]
            if state == EMPTY:
                (used,) = _NUMBER.unpack_from(buffer, _USED_AT)
                if used >= self._room:
                    raise Full
                buffer[_USED_AT : _USED_AT + 8] = _NUMBER.pack(used + 1)
            elif place in spared or (state != PASSED and self._dies(place) > at):
                continue
            buffer[place + STATE_AT] = PASSED
            buffer[place : place + 16] = digest
            buffer[place + _KIND_AT] = Kind.RATE.value if sliding else Kind.QUOTA.value
            _WINDOW.pack_into(buffer, place + WINDOW_AT[FIRST], *window)
            buffer[place + STATE_AT] = FIRST
            return place
        raise Full

    def read(self, place: int) -> Window:
        """The window at a place."""
        return Window._make(window_at(self.buffer, place + WINDOW_AT[self.buffer[place + STATE_AT]]))

    def write(self, place: int, start: int, end: int, current: int, previous: int) -> None:
        """Put another window at a place: beside the valid one, then flip."""
        buffer = self.buffer
        other = FIRST + SECOND - buffer[place + STATE_AT]
        _WINDOW.pack_into(buffer, place + WINDOW_AT[other], start, end, current, previous)
        buffer[place + STATE_AT] = other

    def add(self, place: int, cost: int) -> None:
        """Count in the window at a place."""
        where = place + WINDOW_AT[self.buffer[place + STATE_AT]]
        write_count(self.buffer, where, window_at(self.buffer, where)[2] + cost)

    def alive(self, at: int) -> Iterator[bytes]:
        """The slots whose window still means something."""
        for place in range(HEADER, self.size, SLOT):
            state = self.buffer[place + STATE_AT]
            if state in (FIRST, SECOND) and self._dies(place) > at:
                yield bytes(self.buffer[place : place + SLOT])

    def _dies(self, place: int) -> int:
        return dies(self.read(place), self.buffer[place + _KIND_AT] == Kind.RATE.value)

    def _probe(self, digest: bytes) -> Iterator[int]:
        first = int.from_bytes(digest[:8], "little")
        for step in range(self.capacity):
            yield HEADER + ((first + step) & self._mask) * SLOT


def build(capacity: int, slots: Iterable[bytes], may_grow: bool) -> bytearray:
    """A whole file with these slots in it."""
    content = bytearray(size_of(capacity))
    content[: _HEAD.size] = header(capacity, 0, may_grow)
    fresh = Table(content)
    used = 0
    for slot in slots:
        for place in fresh._probe(slot[:16]):
            if content[place + STATE_AT] == EMPTY:
                content[place : place + SLOT] = slot
                break
        used += 1
    _NUMBER.pack_into(content, _USED_AT, used)
    return content
