"""Something without a browser that asks for tokens, and the browser that its user takes instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import requests

from flask_apiguard.ledger import Entry
from tests.oauth.browser import Browser
from tests.oauth.proofs import Device
from tests.oauth.world import Holder, World
from tests.waiting import PATIENCE

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass
class Screen:
    """It shows a code, and polls. A public one has its client's id only; with a `key` it sends proofs."""

    world: World
    holder: Holder
    public: bool = False
    key: Device | None = None

    def ask(self, headers: dict[str, str] | None = None, **more: str) -> requests.Response:
        """A device authorization request."""
        holder = None if self.public else self.holder
        return self.world.post("device_authorization", self._named(more), holder, headers)

    def start(self, **more: str) -> dict[str, Any]:
        """Both codes, and where to type one."""
        answer = self.ask(**{"scope": "orders:read", **more})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def poll(self, started: dict[str, Any] | str, **more: str) -> requests.Response:
        """One poll with a device code."""
        code = started if isinstance(started, str) else started["device_code"]
        data, holder = (
            self._named({"grant_type": GRANT_TYPE, "device_code": code, **more}), None if self.public else self.holder
        )  # fmt: skip
        return self.world.post("token", data, holder) if self.key is None else self.key.post(holder, data)

    def tokens(self, user: str = "alice", **more: str) -> dict[str, str]:
        """Tokens that a user allowed."""
        started = self.start(**more)
        say(Browser(self.world, user), started)
        answer = self.poll(started)
        assert answer.status_code == 200, answer.text
        found: dict[str, str] = answer.json()
        return found

    def _named(self, data: dict[str, str]) -> dict[str, str]:
        return data | ({"client_id": self.holder.id} if self.public else {})


def told(answer: requests.Response) -> tuple[int, str]:
    """Status and error code."""
    return answer.status_code, answer.json()["error"]


def entries(world: World, subject: str) -> list[Entry]:
    """What the ledger says of somebody."""
    return list(world.house.ledger.entries(subject=subject).entries)


def field(browser: Browser, query: str = "") -> requests.Response:
    """The page with the field for a code."""
    return browser.session.get(f"{browser.world.base}/oauth/device{query}", allow_redirects=False, timeout=PATIENCE)


def send(browser: Browser, page: requests.Response, headers: dict[str, str] | None = None, **more: str | None) -> (
    requests.Response
):  # fmt: skip
    """What a page's form would send, and more; None takes something away."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    data: dict[str, str | None] = {name: unescape(value) for name, value in found} | more
    action = re.search(r'action="([^"]+)"', page.text)
    assert action is not None, page.text
    return browser.session.post(
        browser.world.base + unescape(action[1]), headers=headers, allow_redirects=False, timeout=PATIENCE,
        data={name: value for name, value in data.items() if value is not None},
    )  # fmt: skip


def type_in(browser: Browser, code: str) -> requests.Response:
    """What is shown after a user typed a code."""
    return send(browser, field(browser), user_code=code)


def question(browser: Browser, started: dict[str, Any]) -> requests.Response:
    """What a user is asked about a device."""
    page = type_in(browser, started["user_code"])
    assert page.status_code == 200, page.text
    assert "asks for access" in page.text
    return page


def say(browser: Browser, started: dict[str, Any], answer: str = "allow") -> requests.Response:
    """A user's whole way from the code to the answer."""
    done = send(browser, question(browser, started), answer=answer)
    assert done.status_code == 200, done.text
    return done
