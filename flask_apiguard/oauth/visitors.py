"""Who is in front of a page: the host's user, or, where the host names none, a person with an account of ours.

Such a person is known by a session of the people room, whose secret the browser keeps in a cookie. Before anybody is
signed in that cookie holds a random text, which ties the sign-in form to this browser.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import request
from werkzeug.wrappers import Response

from ..admission import current_admission
from ..crypto import random_text
from ..errors import Denied
from ..people import Issued, Origin, People
from ..values import By, HostUser, account
from .places import Places

#: What asks for a new sign-in (``prompt=login``) is content with one of the last minute: the one it asked for.
FRESH = dt.timedelta(minutes=1)
LENGTH, AT_MOST = 43, 200


class Cookie:
    """Where a browser keeps its session. Never for scripts, never sent along by another site's forms.

    On https its name has the prefix ``__Host-`` (RFC 6265bis, section 4.1.3.2): nobody but this very host can set it,
    and it is the whole host's, so apps under several prefixes of one host tell theirs apart by name.
    """

    def __init__(self, places: Places, brand: str) -> None:
        parts = urlsplit(places.issuer)
        self._secure = parts.scheme == "https"
        self.name = f"{'__Host-' if self._secure else ''}{brand}_session{parts.path.replace('/', '.')}"
        self._path = "/" if self._secure else parts.path or "/"

    def read(self) -> str:
        """What the browser brings; empty when that is nothing, or nothing of ours."""
        found = request.cookies.get(self.name, "")
        return found if len(found) <= AT_MOST and found.isascii() else ""

    def put(self, response: Response, value: str, seconds: int | None = None) -> None:
        """Have the browser keep a value, for so long, or until it is closed."""
        response.set_cookie(
            self.name, value, max_age=seconds, path=self._path, secure=self._secure, httponly=True, samesite="Lax"
        )

    def drop(self, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self.name, path=self._path, secure=self._secure, httponly=True, samesite="Lax")


@dataclass(frozen=True)
class Visitors:
    """``host_user`` gives what asks the host, None where it registered nothing. ``mails``: links can be sent.

    ``post`` has what is queued sent at once.
    """

    host_user: Callable[[], Callable[[], HostUser | None] | None]
    people: Callable[[], People]
    cookie: Cookie
    mails: Callable[[], bool]
    post: Callable[[], None]
    now: Callable[[], dt.datetime]

    @property
    def are_ours(self) -> bool:
        """Whether people sign in here, with accounts of ours: the host names no users."""
        return self.host_user() is None

    def user(self) -> HostUser | None:
        """Who is signed in."""
        ask = self.host_user()
        if ask is not None:
            return ask()
        found = self._session()
        return None if found is None else HostUser(account(found[0].id), found[0].name)

    def is_stale(self) -> bool:
        """Whether somebody with an account of ours signed in too long ago for who asks for a new sign-in."""
        found = self._session() if self.are_ours else None
        return found is not None and self.now() - found[1] > FRESH

    def _session(self) -> tuple[By, dt.datetime] | None:
        secret = self.cookie.read()
        return self.people().session(secret, origin=origin()) if secret else None

    def let_in(self, response: Response, issued: Issued) -> None:
        """Give the browser its new session. Whatever it brought is worth nothing any more, whoever put it there."""
        self.end()
        self.cookie.put(response, issued.secret, int((issued.expires_at - self.now()).total_seconds()))

    def end(self) -> None:
        """End the session that the browser brings, if it is one."""
        with suppress(Denied):
            self.people().sign_out(self.cookie.read(), origin=origin())


def unknown() -> str:
    """What a browser is known by before anybody signed in."""
    return random_text(LENGTH)


def origin() -> Origin:
    """Where this request comes from, for record and throttle."""
    admission = current_admission()
    return Origin() if admission is None else Origin(admission.address, admission.id)
