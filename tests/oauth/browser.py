"""A user's browser in front of the consent page, and the client that sent it there."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from tests.oauth.world import Holder, World
from tests.waiting import PATIENCE

CALLBACK = "https://app.example/cb"
VERIFIER = "v" * 43


def challenge(verifier: str = VERIFIER) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def wanted(holder: Holder, **more: str | None) -> dict[str, str]:
    """The parameters of a good authorization request; None takes one away."""
    given: dict[str, str | None] = {
        "response_type": "code", "client_id": holder.id, "redirect_uri": CALLBACK, "scope": "orders:read",
        "state": "s1", "code_challenge": challenge(), "code_challenge_method": "S256", **more,
    }  # fmt: skip
    return {name: value for name, value in given.items() if value is not None}


def answered(response: requests.Response) -> dict[str, str]:
    """The parameters that a redirect carries back."""
    return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["Location"]).query).items()}


@dataclass
class Browser:
    """Signed in at the host as ``user``; follows no redirects by itself."""

    world: World
    user: str | None = "alice"
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        if self.user is not None:
            self.session.cookies.set("user", self.user)

    def ask(self, parameters: dict[str, str] | list[tuple[str, str]] | str) -> requests.Response:
        query = parameters if isinstance(parameters, str) else urlencode(parameters)
        return self.session.get(f"{self.world.base}/oauth/authorize?{query}", allow_redirects=False, timeout=PATIENCE)

    def answer(self, page: requests.Response, answer: str = "allow", **headers: str) -> requests.Response:
        found = re.search(r'name="request" value="([^"]+)"', page.text)
        assert found is not None, page.text
        action = re.search(r'action="([^"]+)"', page.text)
        assert action is not None
        return self.session.post(
            self.world.base + unescape(action[1]), data={"request": found[1], "answer": answer}, headers=headers,
            allow_redirects=False, timeout=PATIENCE,
        )  # fmt: skip

    def code(self, holder: Holder, **more: str | None) -> str:
        """A code that the user allowed."""
        page = self.ask(wanted(holder, **more))
        return answered(page if page.status_code == 302 else self.answer(page))["code"]

    def tokens(self, holder: Holder, **more: str | None) -> dict[str, str]:
        """Tokens that the user allowed."""
        answer = redeem(self.world, holder, self.code(holder, **more))
        assert answer.status_code == 200, answer.text
        found: dict[str, str] = answer.json()
        return found


def redeem(world: World, holder: Holder, text: str, *, public: bool = False, **more: str | None) -> requests.Response:
    """A code at the token endpoint; by secret, or as a public client."""
    given: dict[str, str | None] = {
        "grant_type": "authorization_code", "code": text, "redirect_uri": CALLBACK, "code_verifier": VERIFIER,
        "client_id": holder.id if public else None, **more,
    }  # fmt: skip
    data = {name: value for name, value in given.items() if value is not None}
    return world.post("token", data, None if public else holder)


def refresh(
    world: World, holder: Holder, text: str, *, public: bool = False, **more: str
) -> requests.Response:  # fmt: skip
    """A refresh token at the token endpoint."""
    data = {"grant_type": "refresh_token", "refresh_token": text, **more}
    return world.post("token", data | ({"client_id": holder.id} if public else {}), None if public else holder)
