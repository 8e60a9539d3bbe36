"""Waiting for what other threads and processes do, as long as the machine at hand takes for it.

What a test defends is never that something came within some seconds. It is an order: that this came before that, or
while that was still waiting. Where a span is the promise (what is remembered of a store is at most so old), it counts
from when a call *began*: how long the call itself took is then the machine's affair.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
#: Seconds. They bound nothing that is tested: they end a wait for what never comes.
PATIENCE = 600.0


def wait_for(condition: Callable[[], T]) -> T:
    """What the condition says, once that is true. Raises AssertionError when it never is."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {PATIENCE:.0f} seconds"
        time.sleep(0.005)
    return found
