"""What is good for one time, shown by 32 at once: ``python -m benchmarks.races --tries 100000``.

gunicorn with four workers. In each round one code, refresh token, client assertion, request_uri or device code is made,
and sent on 32 kept connections before any answer is read. Exactly one must succeed; of a refresh token, which answers a
client that lost its answer again, exactly one successor may come. Status 1 when anything was spent twice, spent by
nobody, or answered with 5xx.

Then tokens are asked for, and what they are issued on is ended in the same moment; none that was issued may survive.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt

from flask_apiguard.oauth.device_table import oauth_device

from .served import (
    CALLBACK,
    CHALLENGE,
    ISSUER,
    USER,
    VERIFIER,
    Held,
    Said,
    Served,
    get,
    hold,
    post,
    served,
    stores,
)
from .survivors import HEAD as SURVIVORS
from .survivors import race_ends
from .tables import section

CROWD = 32
WORKERS = 4
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
HEAD = ("store, kind", "tries", "rounds", "spent twice", "by nobody", "5xx", "seconds")
ASK = {
    "response_type": "code", "redirect_uri": CALLBACK, "scope": "orders:read", "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}  # fmt: skip


@dataclass
class Crowd:
    """One client, and everybody who got hold of what it has."""

    place: Served
    client: Held = field(init=False)

    def __post_init__(self) -> None:
        self.client = hold(self.place.house)
        self.own = self.place.connect()
        self.others = [self.place.connect() for _ in range(CROWD)]

    def at_once(self, data: bytes) -> list[Said]:
        """The answers to one request that everybody sends."""
        for one in self.others:
            one.send(data)
        method = data.split(b" ", 1)[0].decode()
        return [one.read(method) for one in self.others]

    def close(self) -> None:
        """Hang up."""
        for one in (self.own, *self.others):
            one.close()

    # -- what is good for one time -------------------------------------------------------------------------------------

    def code(self) -> bytes:
        """The redemption of a new authorization code."""
        return self._redemption(
            self._code_of(self.own.ask(get("/oauth/authorize", {**ASK, "client_id": self.client.id})))
        )

    def refresh_token(self) -> bytes:
        """The use of a new refresh token."""
        tokens = json.loads(self._good(self.own.ask(self.code())).body)
        return self._posted(grant_type="refresh_token", refresh_token=tokens["refresh_token"])

    def chain(self, length: int) -> list[str]:
        """So many refresh tokens of a new family, each but the last used up."""
        asked, found = self.code(), []
        for _ in range(length):
            found.append(json.loads(self._good(self.own.ask(asked)).body)["refresh_token"])
            asked = self.refresh_of(found[-1])
        return found

    def refresh_of(self, text: str) -> bytes:
        """The use of a refresh token."""
        return self._posted(grant_type="refresh_token", refresh_token=text)

    @property
    def basic(self) -> str:
        """How the client proves itself."""
        return self.client.basic

    def assertion(self) -> bytes:
        """A token request with a new client assertion."""
        now = int(time.time())
        claims = {
            "iss": self.client.id, "sub": self.client.id, "aud": ISSUER, "iat": now, "exp": now + 60,
            "jti": secrets.token_hex(16),
        }  # fmt: skip
        signed = jwt.encode({"alg": "ES256"}, claims, self.client.key)
        asked = {"grant_type": "client_credentials", "client_assertion": signed, "client_assertion_type": JWT_BEARER}
        return post("/oauth/token", asked)

    def request_uri(self) -> bytes:
        """The use of a new pushed request by a browser."""
        pushed = self._good(self.own.ask(post("/oauth/par", ASK, self.client.basic)), 201)
        named = {"client_id": self.client.id, "request_uri": json.loads(pushed.body)["request_uri"]}
        return get("/oauth/authorize", named)

    def device_code(self) -> bytes:
        """The poll with a new device code that its user has allowed."""
        asked = post("/oauth/device_authorization", {"scope": "orders:read"}, self.client.basic)
        started = json.loads(self._good(self.own.ask(asked)).body)
        waiting = (oauth_device.c.client_id == self.client.id, oauth_device.c.allowed.is_(None))
        with self.place.house.store.write() as tx:
            tx.execute(oauth_device.update().where(*waiting).values(allowed=True, user_id=USER))
        return self._posted(grant_type=DEVICE_GRANT, device_code=started["device_code"])

    def _redemption(self, code: str) -> bytes:
        return self._posted(grant_type="authorization_code", code=code, redirect_uri=CALLBACK, code_verifier=VERIFIER)

    def _posted(self, **parameters: str) -> bytes:
        return post("/oauth/token", parameters, self.client.basic)

    def _code_of(self, said: Said) -> str:
        return parse_qs(urlsplit(self._good(said, 302).headers["location"]).query)["code"][0]

    @staticmethod
    def _good(said: Said, status: int = 200) -> Said:
        if said.status != status:
            raise RuntimeError(f"{said.status} {said.body[:500]!r}")
        return said


def issued(answers: Sequence[Said]) -> int:
    """How many got tokens."""
    return sum(one.status == 200 for one in answers)


def successors(answers: Sequence[Said]) -> int:
    """How many different refresh tokens came."""
    return len({json.loads(one.body)["refresh_token"] for one in answers if one.status == 200})


def sent_back(answers: Sequence[Said]) -> int:
    """How many browsers were sent back with a code."""
    return sum(one.status == 302 and "code=" in one.headers.get("location", "") for one in answers)


Make = Callable[[Crowd], bytes]
KINDS: dict[str, tuple[Make, Callable[[Sequence[Said]], int]]] = {
    "code": (Crowd.code, issued),
    "refresh token": (Crowd.refresh_token, successors),
    "assertion": (Crowd.assertion, issued),
    "request_uri": (Crowd.request_uri, sent_back),
    "device code": (Crowd.device_code, issued),
}


@dataclass
class Count:
    """What came of one kind on one store."""

    rounds: int = 0
    twice: int = 0
    nobody: int = 0
    failed: int = 0
    seconds: float = 0.0

    def add(self, spent: int, answers: Sequence[Said]) -> None:
        """Take one round in."""
        self.rounds += 1
        self.twice += spent > 1
        self.nobody += spent < 1
        self.failed += sum(one.status >= 500 for one in answers)

    @property
    def faults(self) -> int:
        """Everything that must not be."""
        return self.twice + self.nobody + self.failed

    def row(self, name: str) -> tuple[str, ...]:
        """The same for people."""
        counted = (self.rounds * CROWD, self.rounds, self.twice, self.nobody, self.failed)
        return (name, *map(str, counted), f"{self.seconds:.0f}")


def race(place: Served, tries: int) -> dict[str, Count]:
    """Every kind in turn, round by round."""
    crowd, counts = Crowd(place), {name: Count() for name in KINDS}
    for _ in range(max(1, -(-tries // (CROWD * len(KINDS))))):
        for name, (make, spent) in KINDS.items():
            began = time.perf_counter()
            answers = crowd.at_once(make(crowd))
            counts[name].add(spent(answers), answers)
            counts[name].seconds += time.perf_counter() - began
    crowd.close()
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Race, print the table; status 1 when anything was spent twice or lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.races", description=__doc__)
    parser.add_argument("--tries", type=int, default=100_000, help="on each store")
    parser.add_argument("--ends", type=int, default=1000, help="rounds of ending in each way, on each store")
    parser.add_argument("--store", action="append", choices=("sqlite", "postgresql"))
    parser.add_argument("--markdown", action="store_true", help="print the table for the documentation")
    options = parser.parse_args(arguments)
    rows, ended, faults = [], [], 0
    with stores(options.store or ("sqlite", "postgresql")) as found:
        for store, url in found:
            with (
                tempfile.TemporaryDirectory(prefix="apiguard-bench-", ignore_cleanup_errors=True) as folder,
                served(Path(folder), url, WORKERS) as place,
            ):
                counts = race(place, options.tries)
                crowd = Crowd(place)
                ends = race_ends(crowd, options.ends)
                crowd.close()
                broken = place.server.log.count("Traceback")
            rows += [one.row(f"{store}, {name}") for name, one in counts.items()]
            ended += [one.row(f"{store}, {name}") for name, one in ends.items()]
            faults += sum(one.faults for one in ends.values())
            faults += sum(one.faults for one in counts.values()) + broken
    section(f"{CROWD} at once, {WORKERS} workers", HEAD, rows, options.markdown)
    section("Ended while it is issued", SURVIVORS, ended, options.markdown)
    print(f"\n{faults} faults." if faults else "\nEach was spent once, and nothing outlived what it was issued on.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
