"""A client's key and the proofs it makes, by another library than the one that judges them."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import requests
from joserfc import jwk, jws

from tests.oauth.world import FORM, Holder, World
from tests.waiting import PATIENCE

REGISTRY = jws.JWSRegistry(algorithms=["ES256", "PS256", "RS256", "EdDSA", "HS256"], strict_check_header=False)


def segment(members: Any) -> str:
    return b64(json.dumps(members).encode())


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(header: dict[str, Any], payload: bytes | dict[str, Any], key: Any) -> str:
    """A compact JWS of any header and payload, however odd."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    data = f"{segment(header)}.{b64(body)}"
    model = jws.JWSRegistry.algorithms[header["alg"]]
    return f"{data}.{b64(model.sign(data.encode(), key))}"


def refused_at_gate(answer: requests.Response, code: str = "invalid_dpop_proof") -> None:
    assert answer.status_code == 401, answer.text
    challenge = answer.headers["WWW-Authenticate"]
    assert "DPoP " in challenge
    assert 'algs="' in challenge
    assert f'error="{code}"' in challenge
    assert "client" not in answer.json()


def dated(claims: dict[str, Any], now: int) -> dict[str, Any]:
    """The claims at this moment, in seconds since the epoch; those that are functions of it are asked."""
    return {name: value(now) if callable(value) else value for name, value in claims.items()}


@dataclass
class Device:
    """Something that holds a key and calls."""

    world: World
    key: Any = field(default_factory=lambda: jwk.ECKey.generate_key("P-256"))
    algorithm: str = "ES256"

    def proof(
        self, method: str, url: str, token: str | None = None, header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """A proof; `header` and `claims` replace what it would say, None leaves it out.

        A claim that depends on the time is a function of it: parameters of tests are made long before their tests.
        """
        head = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.key.as_dict(private=False)} | (header or {})
        head["jwk"] = (
            {k: v for k, v in head["jwk"].items() if k != "kid"} if isinstance(head["jwk"], dict) else head["jwk"]
        )
        now = int(time.time() + self.world.house.clock.offset)
        said: dict[str, Any] = {"jti": uuid.uuid4().hex, "htm": method, "htu": url, "iat": now}
        if token is not None:
            said["ath"] = b64(hashlib.sha256(token.encode()).digest())
        said |= dated(claims, now)
        return sign(
            {name: value for name, value in head.items() if value is not None},
            {name: value for name, value in said.items() if value is not None}, self.key,
        )  # fmt: skip

    def post(
        self, holder: Holder | None, data: dict[str, str] | None = None, proof: str | None = None, **more: Any
    ) -> requests.Response:
        """A token request with a proof."""
        url = self.world.base + "/oauth/token"
        made = self.proof("POST", url, **more) if proof is None else proof
        headers = {**(holder.basic if holder else {}), "DPoP": made, "Content-Type": FORM}
        return requests.post(url, data=data or {"grant_type": "client_credentials"}, headers=headers, timeout=PATIENCE)

    def token(self, holder: Holder) -> str:
        """A token that is bound to the key."""
        answer = self.post(holder)
        assert answer.status_code == 200, answer.text
        assert answer.json()["token_type"] == "DPoP"
        return str(answer.json()["access_token"])

    def call(
        self,
        token: str,
        proof: str | None = None,
        scheme: str = "DPoP",
        path: str = "/api/orders",
        method: str = "GET",
        **more: Any,
    ) -> requests.Response:
        """A call with the token and a proof of the key."""
        url = self.world.base + path
        made = self.proof(method, url.partition("?")[0], token, **more) if proof is None else proof
        headers = {"Authorization": f"{scheme} {token}", **({"DPoP": made} if made else {})}
        return requests.request(method, url, headers=headers, timeout=PATIENCE)
