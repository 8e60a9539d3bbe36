"""People with an account of ours in front of an app that names no users."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any

import requests
import sqlalchemy as sa

from flask_apiguard.extension import house_of
from flask_apiguard.notices.outbox import notice
from flask_apiguard.people import Person
from flask_apiguard.people.throttle import WINDOW
from flask_apiguard.quotas import Memory, Tries
from tests.oauth.browser import Browser
from tests.oauth.world import World, make_app, running
from tests.waiting import PATIENCE

GOOD = "a horse walks into a bar"
COOKIE = "acme_session"
MAILS = {"APIGUARD_MAIL_URL": "smtp://127.0.0.1:1", "APIGUARD_MAIL_FROM": "guard@example.org"}


@contextmanager
def hostless(url: str, **config: Any) -> Iterator[World]:
    """A running app that has registered no `host_user`."""

    def make(base: str) -> Any:
        app = make_app(config.pop("APIGUARD_ISSUER", base), url, APIGUARD_BASE_URL=base, **config)
        house_of(app).options.host_user = None
        return app

    with running(make) as world:
        yield world


def forgiven(world: World) -> World:
    """The same for another test: at the present time, nobody's attempts counted."""
    counter = Memory()
    world.house.throttle._tries = Tries(lambda: counter, world.house.clock, world.house.secrets, WINDOW)
    return world.fresh()


def member(world: World, email: str, password: str | None = GOOD) -> Person:
    """A person with a proved address, and no seat."""
    people = world.house.people
    with world.house.store.write() as tx:
        made = people.register(tx, email, email.partition("@")[0].title(), password)
    assert made.proof is not None
    return people.prove(made.proof).person


def stranger(world: World) -> Browser:
    """A browser in which nobody is signed in."""
    return Browser(world, None)


def get(browser: Browser, path: str) -> requests.Response:
    return browser.session.get(browser.world.base + path, allow_redirects=False, timeout=PATIENCE)


def sent(
    browser: Browser, page: requests.Response, to: str = "sign-in", headers: dict[str, str] | None = None,
    **more: str | None,
) -> requests.Response:  # fmt: skip
    """What one form of a page would send, and more; None takes something away."""
    form = re.search(rf'<form method="post" action="([^"]*/oauth/{to})".*?</form>', page.text, re.DOTALL)
    assert form is not None, page.text
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[0])
    data: dict[str, str | None] = {name: unescape(value) for name, value in hidden} | more
    return browser.session.post(
        browser.world.base + unescape(form[1]), headers=headers, allow_redirects=False, timeout=PATIENCE,
        data={name: value for name, value in data.items() if value is not None},
    )  # fmt: skip


def signed_in(world: World, email: str, password: str = GOOD) -> Browser:
    """A browser in which somebody signed in."""
    browser = stranger(world)
    back = sent(browser, get(browser, "/oauth/sign-in"), email=email, password=password)
    assert back.status_code == 303, back.text
    return browser


def live(world: World, person: Person) -> list[str]:
    """The ids of somebody's live sessions, without the one that proving an address opened."""
    return [one.id for one in world.house.people.sessions(person.id) if one.name != "proof"]


def mailed(world: World, email: str) -> str:
    """The text of the newest mail to an address."""
    with world.house.store.read() as conn:
        rows = conn.execute(sa.select(notice).order_by(notice.c.created_at, notice.c.id)).all()
    return str([row.text for row in rows if email in row.to][-1])


def plain(page: requests.Response) -> str:
    """A page without what is another one each time."""
    return re.sub(r'name="proof" value="[^"]+"', "", page.text)
