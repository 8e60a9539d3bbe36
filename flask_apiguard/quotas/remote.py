"""Counting across hosts on Valkey or Redis: one script per call, whatever the number of demands."""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, StoreAway
from .counting import Demand, Taken, Window, judge, milliseconds

if TYPE_CHECKING:
    from redis import Redis

SCHEMES = ("redis", "rediss", "valkey", "valkeys", "redis+unix", "valkey+unix", "unix")
CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 0.5
#: After a failure nobody waits for the server again for so long.
PAUSE_SECONDS = 1.0
PREFIX = b"apiguard:"

#: Numbers travel as little-endian doubles (exact up to 2^53) in one argument, and so they are kept: packing is cheaper
#: than many arguments. ARGV[1]: now, then amount, window, ends, cost for each key. Kept under a key: start, end,
#: current, previous. Answer: 1 or 0 for counted, then for each key those four as they stood before, rolled on to now.
#: The arithmetic is that of counting.py.
SCRIPT = """
local sent, place = ARGV[1], 9
local at = struct.unpack('<d', sent)
local kept, fits = {}, true
for i, key in ipairs(KEYS) do
  local amount, span, ends, cost
  amount, span, ends, cost, place = struct.unpack('<dddd', sent, place)
  local to = ends
  if ends == 0 then to = at - at % span + span end
  local from = to - span
  local s, e, c, p = from, to, 0, 0
  local ahead = false
  local found = redis.call('GET', key)
  if found then
    s, e, c, p = struct.unpack('<dddd', found)
    if from >= e then
      if ends == 0 and from == e then p = c else p = 0 end
      s, e, c = from, to, 0
    elseif not (s >= to and s - at <= span) then
      ahead = from < s
      s, e = from, to
    end
  end
  local dies = e
  if ends ~= 0 then
    if c + cost > amount then fits = false end
  else
    dies = 2 * e - s
    if (amount - c - cost) * span < p * math.min(span, e - at) then fits = false end
  end
  kept[i] = {s, e, c, p, cost, dies - at, ahead}
end
local answer = {struct.pack('<d', fits and 1 or 0)}
for i, key in ipairs(KEYS) do
  local s, e, c, p, cost, left, ahead = unpack(kept[i])
  answer[i + 1] = struct.pack('<dddd', s, e, c, p)
  if fits and cost ~= 0 then
    c = c + cost
    if c < 0 then c, p = 0, math.max(0, p + c) end
    redis.call('SET', key, struct.pack('<dddd', s, e, c, p), 'PX', string.format('%.0f', math.max(1, left)))
  elseif ahead then
    redis.call('SET', key, answer[i + 1], 'PX', string.format('%.0f', math.max(1, left)))
  end
end
return table.concat(answer)
"""
_SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


class Valkey:
    """A :class:`~.counting.Counter` on one Valkey or Redis server. Connects with the first call.

    Keys of one call carry the same hash tag, so a cluster's proxy sends them to one node.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._client: Redis | None = None
        self._errors: tuple[type[Exception], ...] = ()
        self._unknown_script: type[Exception] = LookupError
        self._pause_until = 0.0

    def __repr__(self) -> str:
        return f"<Valkey {self.url.rpartition('@')[2]}>"

    def take(self, demands: Sequence[Demand], now: float) -> list[Taken]:
        """See :meth:`~.counting.Counter.take`."""
        if not demands:
            return []
        at = milliseconds(now)
        numbers = [at]
        for demand in demands:
            numbers += demand[1:]
        sent = struct.pack(f"<{len(numbers)}d", *numbers)
        answer = self._run([len(demands), *(PREFIX + demand.key for demand in demands), sent])
        counted, *kept = map(int, struct.unpack(f"<{1 + 4 * len(demands)}d", answer))
        taken = []
        for place, demand in enumerate(demands):
            window = Window._make(kept[4 * place : 4 * place + 4])
            one = judge(window, demand, at)
            if not counted and one.retry is None:
                one = judge(window, demand._replace(cost=0), at)
            taken.append(one)
        return taken

    def open(self) -> None:
        """See :meth:`~.counting.Counter.open`; speaks to no server."""
        if self._client is None:
            self._connect()

    def _run(self, arguments: Sequence[Any]) -> bytes:
        if time.monotonic() < self._pause_until:
            raise StoreAway("counter", retry_after=1)
        client = self._client or self._connect()
        try:
            try:
                answer: bytes = client.execute_command("EVALSHA", _SHA, *arguments)  # type: ignore[no-untyped-call]
            except self._unknown_script:
                answer = client.execute_command("EVAL", SCRIPT, *arguments)  # type: ignore[no-untyped-call]
        except self._errors as error:
            self._pause_until = time.monotonic() + PAUSE_SECONDS
            raise StoreAway("counter", retry_after=1) from error
        return answer

    def _connect(self) -> Redis:
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.exceptions import NoScriptError, RedisError
            from redis.retry import Retry
        except ModuleNotFoundError:
            raise ConfigurationError(
                "Counting on Valkey or Redis needs redis-py.", "pip install 'Flask-APIGuard[redis]'"
            ) from None
        self._errors = (RedisError, OSError)
        self._unknown_script = NoScriptError
        url = self.url.replace("valkey", "redis", 1) if self.url.startswith("valkey") else self.url
        try:
            self._client = redis.Redis.from_url(
                url.replace("redis+unix:", "unix:", 1),
                socket_connect_timeout=CONNECT_SECONDS,
                socket_timeout=ANSWER_SECONDS,
                socket_keepalive=True,
                # One more try over a connection that the server closed meanwhile. It may count one call twice, which
                # errs on the safe side. Never after a timeout: that would double the wait.
                retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            )
        except ValueError:  # whose text may hold the password
            raise ConfigurationError(
                "APIGUARD_COUNTERS_URL can't be read.", "Write redis://host:6379/0 or valkey://host:6379/0."
            ) from None
        return self._client

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
