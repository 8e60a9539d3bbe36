"""Whether the time of a refusal tells which clients there are: ``python -m benchmarks.oracle --samples 10000``.

gunicorn with one worker. In each round every way of proving a client is tried once in the name of a client that is
there and once in that of one that is not, in an order that is drawn anew. Everything has to be refused with the same
answer. Printed is the p of a rank test (Mann and Whitney) for each way; status 1 when one is not above 0.01.
"""

from __future__ import annotations

import argparse
import base64
import math
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from joserfc import jwk, jwt

from flask_apiguard.crypto import new_id

from .races import JWT_BEARER
from .served import ISSUER, Connection, Held, hold, post, served
from .tables import section

P_ABOVE = 0.01
ASK = {"grant_type": "client_credentials"}
HEAD = ("what is wrong", "samples", "known, µs", "unknown, µs", "p")
WARM = 50


@dataclass
class Way:
    """One way of asking in the name of a client: ``make`` gives the bytes of the request."""

    name: str
    make: Callable[[str], bytes]
    known: list[float] = field(default_factory=list)
    unknown: list[float] = field(default_factory=list)

    @property
    def p(self) -> float:
        """How likely such ranks are when both take the same time."""
        return mann_whitney(self.known, self.unknown)


def mann_whitney(one: Sequence[float], other: Sequence[float]) -> float:
    """The two-sided p of the rank test, by its normal approximation; equal values share their rank."""
    values = sorted([(value, True) for value in one] + [(value, False) for value in other])
    ranks, ties, place = 0.0, 0.0, 0
    while place < len(values):
        end = place
        while end < len(values) and values[end][0] == values[place][0]:
            end += 1
        ranks += (place + end + 1) / 2 * sum(is_one for _, is_one in values[place:end])
        ties += (end - place) ** 3 - (end - place)
        place = end
    n, m, total = len(one), len(other), len(values)
    spread = math.sqrt(n * m / 12 * (total + 1 - ties / (total * (total - 1))))
    if spread == 0:
        return 1.0
    return math.erfc(abs(ranks - n * (n + 1) / 2 - n * m / 2) / spread / math.sqrt(2))


def ways(holder: Held, format_of_secret: str) -> list[Way]:
    """What a client can show that is wrong: a secret, in the header or the body, an assertion, nothing."""
    wrong = jwk.ECKey.generate_key("P-256")

    def basic(client_id: str) -> bytes:
        text = base64.b64encode(f"{client_id}:{format_of_secret}".encode()).decode()
        return post("/oauth/token", ASK, f"Basic {text}")

    def asserted(client_id: str) -> bytes:
        now = int(time.time())
        claims = {
            "iss": client_id, "sub": client_id, "aud": ISSUER, "iat": now, "exp": now + 60,
            "jti": secrets.token_hex(16),
        }  # fmt: skip
        signed = jwt.encode({"alg": "ES256"}, claims, wrong)
        return post("/oauth/token", {**ASK, "client_assertion": signed, "client_assertion_type": JWT_BEARER})

    def shortened(client_id: str) -> bytes:
        return post("/oauth/token", {**ASK, "client_id": client_id, "client_secret": holder.secret[:-1] + "0"})

    return [
        Way("a well-formed secret, in the header", basic),
        Way("a text that is no secret, in the body", shortened),
        Way("an assertion by another key", asserted),
        Way("nothing is shown", lambda client_id: post("/oauth/token", {**ASK, "client_id": client_id})),
    ]


def sample(connection: Connection, holder: Held, asked: Sequence[Way], samples: int) -> None:
    """Ask everything ``samples`` times in the name of both."""
    names = {True: holder.id, False: new_id("cli")}
    for number in range(samples + WARM):
        turns = [(way, is_known) for way in asked for is_known in names]
        random.shuffle(turns)
        for way, is_known in turns:
            taken = timed(connection, from_somewhere(way.make(names[is_known])))
            if number >= WARM:
                (way.known if is_known else way.unknown).append(taken)


def timed(connection: Connection, data: bytes) -> float:
    """Seconds until a request is refused."""
    began = time.perf_counter()
    said = connection.ask(data)
    taken = time.perf_counter() - began
    if said.status != 401:
        raise RuntimeError(f"{said.status} {said.body[:500]!r}")
    return taken


def from_somewhere(data: bytes) -> bytes:
    """The request as a proxy passes it on from an address of its own, so that none is throttled."""
    address = f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.{secrets.randbelow(256)}"
    return data.replace(b"\r\n", f"\r\nX-Forwarded-For: {address}\r\n".encode(), 1)


def row(way: Way) -> tuple[str, ...]:
    """One way for people."""
    medians = (f"{statistics.median(taken) * 1e6:.0f}" for taken in (way.known, way.unknown))
    return (way.name, str(len(way.known)), *medians, f"{way.p:.3f}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, print the table; status 1 when a time tells anything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.oracle", description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000, help="of each way, for each of the two clients")
    parser.add_argument("--markdown", action="store_true", help="print the table for the documentation")
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="apiguard-bench-", ignore_cleanup_errors=True) as folder,
        served(Path(folder), None, 1) as place,
    ):
        holder, connection = hold(place.house), place.connect()
        found = ways(holder, place.house.format.make_client_secret().text)
        sample(connection, holder, found, options.samples)
        connection.close()
    section("A client that is there, and one that is not, refused", HEAD, [row(way) for way in found], options.markdown)
    return int(any(way.p <= P_ABOVE for way in found))


if __name__ == "__main__":
    sys.exit(main())
