"""Counting across hosts on Valkey or Redis: one script per call, whatever the number of demands."""

from __future__ import annotations

import hashlib
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

#: ARGV: now, then amount, window, ends, cost for each key. Answers start, end, current, previous for each, as they
#: stood before, after `counted` (1 or 0). The arithmetic is that of counting.py.
SCRIPT = """
local at = tonumber(ARGV[1])
local kept, fits = {}, true
for i, key in ipairs(KEYS) do
  local n = (i - 1) * 4 + 1
  local amount, span = tonumber(ARGV[n + 1]), tonumber(ARGV[n + 2])
  local ends, cost = tonumber(ARGV[n + 3]), tonumber(ARGV[n + 4])
  local to = ends
  if ends == 0 then to = at - at % span + span end
  local from = to - span
  local w = redis.call('HMGET', key, 's', 'e', 'c', 'p')
  local s, e, c, p = tonumber(w[1]), tonumber(w[2]), tonumber(w[3]), tonumber(w[4])
  if not s then
    s, e, c, p = from, to, 0, 0
  elseif from >= e then
    if ends == 0 and from == e then p = c else p = 0 end
    s, e, c = from, to, 0
  elseif not (s >= to and s - at <= span) then
    s, e = from, to
  end
  kept[i] = {s, e, c, p, w[1] and s < tonumber(w[1])}
  if ends ~= 0 then
    if c + cost > amount then fits = false end
  elseif (amount - c - cost) * span < p * math.min(span, e - at) then
    fits = false
  end
end
local answer = {fits and 1 or 0}
for i, key in ipairs(KEYS) do
  local s, e, c, p, ahead = unpack(kept[i])
  local n = (i - 1) * 4 + 1
  local cost = tonumber(ARGV[n + 4])
  if (fits and cost > 0) or ahead then
    local after = c
    if fits then after = c + cost end
    redis.call('HSET', key, 's', string.format('%.0f', s), 'e', string.format('%.0f', e),
      'c', string.format('%.0f', after), 'p', string.format('%.0f', p))
    local dies = e
    if tonumber(ARGV[n + 3]) == 0 then dies = 2 * e - s end
    redis.call('PEXPIRE', key, string.format('%.0f', math.max(1, dies - at)))
  end
  answer[#answer + 1] = s
  answer[#answer + 1] = e
  answer[#answer + 1] = c
  answer[#answer + 1] = p
end
return answer
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
        arguments: list[Any] = [len(demands), *(PREFIX + demand.key for demand in demands), at]
        for _, amount, window, ends, cost in demands:
            arguments += (amount, window, ends, cost)
        answer = self._run(arguments)
        counted = answer[0] == 1
        taken = []
        for place, demand in enumerate(demands):
            kept = Window._make(answer[1 + 4 * place : 5 + 4 * place])
            one = judge(kept, demand, at)
            if not counted and one.retry is None:
                one = judge(kept, demand._replace(cost=0), at)
            taken.append(one)
        return taken

    def _run(self, arguments: Sequence[Any]) -> list[int]:
        if time.monotonic() < self._pause_until:
            raise StoreAway("counter", retry_after=1)
        client = self._client or self._connect()
        try:
            try:
                return list(client.execute_command("EVALSHA", _SHA, *arguments))  # type: ignore[no-untyped-call]
            except self._unknown_script:
                return list(client.execute_command("EVAL", SCRIPT, *arguments))  # type: ignore[no-untyped-call]
        except self._errors as error:
            self._pause_until = time.monotonic() + PAUSE_SECONDS
            raise StoreAway("counter", retry_after=1) from error

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
        self._client = redis.Redis.from_url(
            url.replace("redis+unix:", "unix:", 1),
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            socket_keepalive=True,
            # One more try over a connection that the server closed meanwhile. It may count one call twice, which errs
            # on the safe side. Never after a timeout: that would double the wait.
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        )
        return self._client

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
