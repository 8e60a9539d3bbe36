"""A body of unknown length, held to its bound by whoever reads it."""

from __future__ import annotations

import io
from typing import IO, Any

from ..admission import Admission
from ..errors import Denied
from ..values import Decision, Reason


class Bounded(io.RawIOBase):
    """A request's input that refuses to go on beyond ``bound`` bytes.

    Werkzeug stops reading at its own bound without a word, and a view would take the beginning for the whole. The
    refusal is noted in the admission, so that it is the answer even when a library in between swallows it.
    """

    def __init__(self, stream: IO[bytes], bound: int, admission: Admission) -> None:
        self._stream = stream
        self._bound = self._left = bound
        self._admission = admission

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what fits into ``buffer``.

        :raises Denied: the body goes on beyond its bound.
        """
        data = self._stream.read(min(len(buffer), self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            refused = Decision(False, Reason.BODY_TOO_LARGE, f"This route takes {self._bound} bytes at most.")
            self._admission.refused = refused
            raise Denied(refused)
        buffer[: len(data)] = data
        return len(data)
