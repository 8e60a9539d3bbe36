"""The sink that takes everything and keeps nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class NullSink:
    """Doing nothing, by name."""

    name = "null"
    required = False

    def write(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Take the batch."""
