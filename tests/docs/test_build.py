"""The documentation builds without a warning and without the network, and its links lead somewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from flask_apiguard.values import Reason

ROOT = Path(__file__).parents[2]
#: Importing this instead of the real one, a build that opens a connection fails.
NO_NETWORK = """\
import socket


def refuse(*args, **kwargs):
    raise AssertionError("the documentation builds without the network")


socket.socket.connect = refuse
socket.getaddrinfo = refuse
"""


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.add(str(given["id"]))
        for name in ("href", "src"):
            if given.get(name):
                self.links.append(str(given[name]))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx", reason="Sphinx comes with the extra `docs`, which the oldest dependencies do without")
    site, html = tmp_path_factory.mktemp("docs"), ROOT / "docs" / "_build" / "html"
    (site / "sitecustomize.py").write_text(NO_NETWORK)
    # Where run.py builds too, who then finds it done; from nothing, so that no page is left of another day.
    shutil.rmtree(html, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", ROOT / "docs", html]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(site), str(ROOT)))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return html


@pytest.mark.slow
def test_internal_links_lead_to_what_is_there(built: Path) -> None:
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in built.rglob("*.html")}
    assert len(pages) > 30
    lost = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or path.name in ("404.html", "search.html"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists() or (parts.fragment and target in pages and parts.fragment not in pages[target].ids):
                lost.append(f"{path.name}: {link}")
    assert not lost


@pytest.mark.slow
def test_a_reason_is_reached_by_its_slug(built: Path) -> None:
    ids = Page((built / "errors.html").read_text(encoding="utf-8")).ids
    assert {reason.slug for reason in Reason} <= ids


@pytest.mark.slow
def test_no_page_asks_somebody_else_for_anything(built: Path) -> None:
    for path in built.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert '<script src="http' not in text
        assert '<link rel="stylesheet" type="text/css" href="http' not in text
