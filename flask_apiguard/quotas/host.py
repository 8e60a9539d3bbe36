"""Counting in the storage of a host's own ``flask_limiter.Limiter``: its storage and strategy, our keys.

Not one step: with several demands all are tested first and then counted one by one, so that parallel calls may leave
some counted and others not. Its strategies read the machine's clock, not ours, and nothing that was counted is ever
taken back: not all of them can.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from limits import RateLimitItemPerSecond
from limits.errors import StorageError

from ..errors import ConfigurationError, StoreAway
from .counting import Demand, Taken, milliseconds

if TYPE_CHECKING:
    from flask_limiter import Limiter
    from limits.storage import Storage
    from limits.strategies import RateLimiter


class _Named(RateLimitItemPerSecond):
    """So many in so many seconds, under a key that is free of both: a changed plan keeps its count."""

    # Without __slots__ of its own: the metaclass of `limits` adds empty ones, and a GRANULARITY here would replace
    # the one that rates are parsed with.

    def key_for(self, *identifiers: bytes | str | float) -> str:
        return "/".join(one.decode() if isinstance(one, bytes) else str(one) for one in identifiers)


class LimitsStorage:
    """A :class:`~.counting.Counter` over a storage and strategy of ``limits``, as the host's ``Limiter`` has them."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    def take(self, demands: Sequence[Demand], now: float) -> list[Taken]:
        """See :meth:`~.counting.Counter.take`; ``now`` only says which period a quota is in."""
        at = milliseconds(now)
        storage, strategy = self._parts()
        try:
            return _take(storage, strategy, demands, at)
        except (StorageError, OSError) as error:
            raise StoreAway("counter") from error
        except storage.base_exceptions as error:
            # Each storage names what its driver raises; the memory storage names ValueError, which would hide faults.
            if type(error) is ValueError:
                raise
            raise StoreAway("counter") from error

    def open(self) -> None:
        """See :meth:`~.counting.Counter.open`."""
        self._parts()

    def _parts(self) -> tuple[Storage, RateLimiter]:
        try:
            return self._limiter.storage, self._limiter.limiter
        except AssertionError:
            raise ConfigurationError(
                "The Limiter given to APIGuard was not initialised.", "Call limiter.init_app(app) first."
            ) from None

    def close(self) -> None:
        """The host opened it, the host closes it."""


def _take(storage: Storage, strategy: RateLimiter, demands: Sequence[Demand], at: int) -> list[Taken]:
    taken = [_look(storage, strategy, demand, at, demand.cost) for demand in demands]
    refused = any(one.retry is not None for one in taken)
    if not refused:
        for place, demand in enumerate(demands):
            if demand.cost > 0 and not _count(storage, strategy, demand, at):
                # Somebody was quicker between look and count.
                taken[place] = _look(storage, strategy, demand, at, demand.cost)
                taken[place] = taken[place]._replace(retry=taken[place].retry or max(1, taken[place].reset))
                refused = True
                break
    if not refused:
        return taken
    return [
        one if one.retry is not None else _look(storage, strategy, demand, at, 0)
        for one, demand in zip(taken, demands, strict=True)
    ]


def _count(storage: Storage, strategy: RateLimiter, demand: Demand, at: int) -> bool:
    if demand.ends:
        seconds = max(1, -(-(demand.ends - at) // 1000))
        return storage.incr(_period_key(demand), seconds, amount=demand.cost) <= demand.amount
    return strategy.hit(_item(demand), _key(demand), cost=demand.cost)


def _look(storage: Storage, strategy: RateLimiter, demand: Demand, at: int, cost: int) -> Taken:
    """How it stands, as it would stand after ``cost``."""
    if demand.ends:
        remaining = demand.amount - storage.get(_period_key(demand))
        reset = demand.ends - at
    else:
        stats: Any = strategy.get_window_stats(_item(demand), _key(demand))
        remaining = stats.remaining
        reset = max(0, milliseconds(stats.reset_time) - at)
    fits = remaining >= cost
    left = max(0, remaining - cost if fits else remaining)
    return Taken(demand.amount - left, left, reset, None if fits else max(1000, reset))


def _item(demand: Demand) -> _Named:
    return _Named(demand.amount, max(1, demand.window // 1000))


def _key(demand: Demand) -> str:
    return "apiguard/" + demand.key.decode()


def _period_key(demand: Demand) -> str:
    return f"{_key(demand)}/{demand.ends}"
