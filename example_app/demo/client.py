"""A small HTTP client that tells each request on the screen and knows which status it expects."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from .screen import Screen

BASE = "/apiguard/api/v1"
#: Seconds, also for a slow machine: they only end a wait for what never comes.
PATIENCE = 60.0


class StoryBroken(Exception):
    """Something answered otherwise than the story tells."""


@dataclass
class Answer:
    """What came back. ``seconds`` is the whole way there and back."""

    status: int
    headers: dict[str, str]
    text: str
    seconds: float
    document: Any = field(default=None)

    def __getitem__(self, name: str) -> Any:
        return self.document[name]

    def next(self, action: str) -> str:
        """Where the answer itself says that this can be done next.

        :raises StoryBroken: it doesn't say so.
        """
        for one in self.document.get("next", ()):
            if one["action"] == action:
                return str(one["href"])
        offered = ", ".join(one["action"] for one in self.document.get("next", ())) or "nothing"
        raise StoryBroken(f"The answer offers no next {action!r}, but {offered}.")

    @property
    def request_id(self) -> str:
        """Under which id it is on record."""
        return self.headers.get("x-request-id", "")


class Client:
    """Somebody who calls: with a credential, or as a stranger."""

    def __init__(self, screen: Screen, port: int, credential: str | None = None) -> None:
        self._screen = screen
        self._port = port
        self.credential = credential

    def having(self, credential: str) -> Client:
        """The same with a credential."""
        return Client(self._screen, self._port, credential)

    def get(self, path: str, told: str = "", expect: int = 200, **more: Any) -> Answer:
        """GET."""
        return self.call("GET", path, told, expect, **more)

    def post(self, path: str, told: str = "", expect: int = 200, **more: Any) -> Answer:
        """POST."""
        return self.call("POST", path, told, expect, **more)

    def call(
        self,
        method: str,
        path: str,
        told: str = "",
        expect: int | None = 200,
        *,
        json_: Any = None,
        body: bytes | None = None,
        form: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request, told on the screen when there is a sentence for it. Paths without ``/api`` are onboarding's.

        :raises StoryBroken: another status than expected (None: any).
        """
        if not path.startswith(("/api/", "/apiguard/", "/oauth/", "/staff/", "/.well-known/")):
            path = BASE + path
        send = {"User-Agent": "story/1", **(headers or {})}
        if self.credential is not None:
            send["Authorization"] = f"Bearer {self.credential}"
        if json_ is not None:
            body = json.dumps(json_).encode()
        if form is not None:
            body = urlencode(form).encode()
        if body is not None:
            kind = "application/x-www-form-urlencoded" if form is not None else "application/json"
            send.setdefault("Content-Type", kind)
        answer = self._exchange(method, path, body, send)
        if told:
            self._screen.request(method, path, answer.status, answer.seconds, told)
        if expect is not None and answer.status != expect:
            raise StoryBroken(f"{method} {path}: expected {expect}, got {answer.status}: {answer.text[:2000]}")
        return answer

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise StoryBroken(f"{method} {path}: no answer ({error!r})") from error
        finally:
            connection.close()
        seconds = time.perf_counter() - began
        found = {name.lower(): value for name, value in response.getheaders()}
        document = json.loads(text) if "json" in found.get("content-type", "") else None
        return Answer(response.status, found, text, seconds, document)
