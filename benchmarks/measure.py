"""Measuring several things in turn, so that what disturbs the machine disturbs all of them alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


def nothing() -> None:
    """What is done after a slice by a variant that leaves nothing behind."""


@dataclass
class Variant:
    """One thing to measure. ``settle`` ends what its calls left running; ``with_settle`` counts that as its cost."""

    name: str
    call: Callable[[], None]
    settle: Callable[[], object] = nothing
    with_settle: bool = False
    #: Calls until everything that is remembered is in memory.
    warm: int = 20
    #: Seconds per call, one for each round.
    seconds: list[float] = field(default_factory=list)
    calls: int = 1

    @property
    def median(self) -> float:
        """Seconds per call."""
        return statistics.median(self.seconds)

    def over(self, other: Variant) -> float:
        """How many times the other's cost: the median of the ratios within each round."""
        return statistics.median(mine / its for mine, its in zip(self.seconds, other.seconds, strict=True))


def measure(variants: Sequence[Variant], base: Variant, rounds: int, slice_seconds: float, cpu: bool = False) -> None:
    """Measure all variants once in each round, forwards and backwards by turns, ``base`` thrice.

    A slice takes about ``slice_seconds``. ``cpu`` counts the processor time of this thread instead of time on the
    wall: blind for waiting, but also for neighbours on a busy machine.
    """
    clock = time.thread_time if cpu else time.perf_counter
    for variant in variants:
        _calibrate(variant, slice_seconds)
    gc.collect()
    gc.freeze()
    others = [variant for variant in variants if variant is not base]
    third = -(-len(others) // 2)
    for number in range(rounds):
        order = others if number % 2 == 0 else others[::-1]
        of_base = [_slice(base, clock)]
        for place, variant in enumerate(order, start=1):
            variant.seconds.append(_slice(variant, clock))
            if place == third:
                of_base.append(_slice(base, clock))
        of_base.append(_slice(base, clock))
        base.seconds.append(statistics.median(of_base))
    gc.unfreeze()


def _calibrate(variant: Variant, slice_seconds: float) -> None:
    """Warm up, and find out how many calls fill a slice."""
    for _ in range(variant.warm):
        variant.call()
    variant.settle()
    spent = []
    for _ in range(20):  # the shortest, for a neighbour may have had the processor during any of them
        began = time.perf_counter()
        variant.call()
        spent.append(time.perf_counter() - began)
    variant.settle()
    variant.calls = max(1, int(slice_seconds / min(spent)))


def _slice(variant: Variant, clock: Callable[[], float]) -> float:
    gc.collect()
    gc.disable()
    call = variant.call
    began = clock()
    for _ in range(variant.calls):
        call()
    if variant.with_settle:
        variant.settle()
    spent = clock() - began
    gc.enable()
    variant.settle()
    return spent / variant.calls


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]
