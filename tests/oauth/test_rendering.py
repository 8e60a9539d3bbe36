"""Other people's texts are escaped on our pages, whatever the host does with its own; the host's templates stand in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template_string
from jinja2 import DictLoader, FileSystemBytecodeCache

from tests.oauth.browser import CALLBACK, Browser, wanted
from tests.oauth.devices import Screen, send
from tests.oauth.world import World, make_app, running
from tests.waiting import PATIENCE

Change = Callable[[Flask], None]
#: What the application is called in each of these tests.
NAME, ESCAPED = "Pay <b>", "Pay &lt;b&gt;"


def nothing(_: Flask) -> None:
    """Flask as it comes."""


def unescaped(app: Flask) -> None:
    app.jinja_env.autoescape = False


def by_option(app: Flask) -> None:
    app.jinja_options = {"autoescape": False}


def of_other_files(app: Flask) -> None:
    app.jinja_env.autoescape = lambda name: name is not None and name.endswith(".xml")


def cached(app: Flask) -> None:
    """Where pages were compiled without escaping before."""
    folder = Path(app.instance_path).parent
    app.jinja_env.bytecode_cache = FileSystemBytecodeCache(str(folder))
    app.jinja_env.autoescape = False
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)


def serving(change: Change, folder: Path) -> Callable[[str], Flask]:
    def make(base: str) -> Flask:
        app = make_app(base, f"sqlite:///{folder}/a.db")
        app.instance_path = str(folder / "instance")
        change(app)
        return app

    return make


def pages_of(world: World) -> list[str]:
    """Each page that has an application's name, and one that says what somebody sent."""
    holder = world.holder(redirect_uris=(CALLBACK,), device=True)
    browser, screen = Browser(world), Screen(world, holder)
    browser.tokens(holder)
    started = screen.start()
    field = browser.session.get(started["verification_uri_complete"], timeout=PATIENCE)
    asked = send(browser, field, user_code=started["user_code"])
    return [
        browser.ask(wanted(holder, prompt="consent")).text, asked.text, send(browser, asked, answer="allow").text,
        browser.session.get(f"{world.base}/oauth/connections", timeout=PATIENCE).text,
    ]  # fmt: skip


@pytest.mark.parametrize("change", [nothing, unescaped, by_option, of_other_files, cached])
def test_what_others_wrote_is_escaped_whatever_the_host_chose(change: Change, tmp_path: Path) -> None:
    with running(serving(change, tmp_path)) as world:
        for page in pages_of(world):
            assert ESCAPED in page
            assert NAME not in page
            assert "&lt;h1" not in page
            assert page.startswith("<!doctype html>")


def test_the_hosts_own_pages_stay_as_they_are(tmp_path: Path) -> None:
    def with_page(app: Flask) -> None:
        unescaped(app)
        app.add_url_rule("/own", "own", lambda: render_template_string("{{ text }}", text="<i>"))

    with running(serving(with_page, tmp_path)) as world:
        browser = Browser(world)
        browser.ask(wanted(world.holder(redirect_uris=(CALLBACK,))))
        assert browser.session.get(world.base + "/own", timeout=PATIENCE).text == "<i>"


def replaced(**templates: str) -> Change:
    def change(app: Flask) -> None:
        unescaped(app)
        app.jinja_loader = DictLoader(
            templates | {"base.html": "<nav>{{ brand() }}</nav>{% block body %}{% endblock %}"}
        )  # type: ignore[misc,assignment]
        app.jinja_env.filters["shout"] = lambda text: text.upper()
        app.context_processor(lambda: {"brand": lambda: "A & B"})

    return change


@pytest.mark.parametrize(
    ("templates", "expected"),
    [
        ({"apiguard/oauth/page.html": "<p>ours</p>{% block main %}{% endblock %}"}, ["<p>ours</p>", "Allow"]),
        (
            {"apiguard/oauth/page.html": '{% extends "base.html" %}{% block body %}{% block main %}{% endblock %}'
                                         "{% endblock %}"},
            ["<nav>A &amp; B</nav>", "Allow"],
        ),
        (
            {"apiguard/oauth/consent.html": '{% extends "apiguard/oauth/page.html" %}{% block main %}'
                                            "<h2>{{ name|shout }}</h2>{{ name }}{% endblock %}"},
            ["<h2>PAY &lt;B&gt;</h2>", "<!doctype html>"],
        ),
    ],
    ids=["around", "in the host's own", "the question"],
)  # fmt: skip
def test_a_template_of_the_hosts_stands_in_for_ours_and_is_escaped_too(
    templates: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    with running(serving(replaced(**templates), tmp_path)) as world:
        page: Any = Browser(world).ask(wanted(world.holder(redirect_uris=(CALLBACK,))))
        assert page.status_code == 200
        for text in (*expected, ESCAPED):
            assert text in page.text
        assert NAME not in page.text
