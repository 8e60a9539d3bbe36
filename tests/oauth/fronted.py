"""The app as the documentation deploys it: under a prefix, behind nginx, with TLS and a host for certificates."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.oauth.authority import Held, alternatives, made
from tests.oauth.world import World, make_app
from tests.servers.http import serve
from tests.servers.nginx import Nginx
from tests.servers.process import free_port
from tests.waiting import PATIENCE

PAGE = Path(__file__).parents[2] / "docs" / "certificates.rst"
PREFIX = "/shop"


def documented(language: str, number: int = 0) -> str:
    """A block of the documentation's page, as a reader copies it."""
    found = re.findall(rf"^\.\. code-block:: {language}\n\n((?:   .*\n|\n)+)", PAGE.read_text(), re.MULTILINE)
    return textwrap.dedent(found[number])


def configured(inside: str, port: int, folder: Path) -> str:
    """What the documentation says to write, with this machine's ports and files in it."""
    text = documented("nginx")
    for ours, theirs in (
        ("listen 443 ssl", "listen 127.0.0.1:@PORT@ ssl"), ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/nginx/api.crt", f"{folder}/api.crt"), ("/etc/nginx/api.key", f"{folder}/api.key"),
        ("/etc/nginx/authorities.crt", f"{folder}/authorities.crt"),
    ):  # fmt: skip
        assert ours in text, ours
        text = text.replace(ours, theirs, 1)
    assert "listen 443" not in text
    return text.replace("http://127.0.0.1:8000", inside)


@dataclass
class Front:
    """What stands before the world. ``base`` and ``mtls`` are the issuer's two URLs; ``trust`` the file to verify."""

    world: World
    base: str
    mtls: str
    trust: str
    authority: Held
    folder: Path
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def origin(self) -> str:
        return self.base.removesuffix(PREFIX)

    def issued(self, subject: str, **names: str) -> Held:
        """A certificate of the authority that nginx knows."""
        return made(subject, issuer=self.authority, names=alternatives(**names))

    def showing(self, held: Held | None) -> requests.Session:
        """Something that shows a certificate wherever it is asked for one."""
        session = requests.Session()
        session.verify = self.trust
        session.trust_env = False
        if held is not None:
            session.cert = held.write(self.folder, f"client-{held.certificate.serial_number}")
        return session

    def fresh(self) -> Front:
        self.world.fresh()
        return self


@contextmanager
def fronted(nginx: Callable[[str], Nginx], folder: Path) -> Iterator[Front]:
    """The whole of it, running."""
    authority, port = made("CN=Partners Root", authority=True), free_port()
    root = made("CN=Server Root", authority=True)
    made("CN=localhost", issuer=root, names=alternatives(ip="127.0.0.1", dns="localhost")).write(folder, "api")
    (folder / "authorities.crt").write_text(authority.pem)
    (folder / "server-root.crt").write_text(root.pem)
    behind: list[Any] = []
    with serve(lambda environ, start: behind[0](environ, start)) as inside:
        front = nginx(configured(inside, port, folder))
        base, mtls = f"https://127.0.0.1:{front.port}{PREFIX}", f"https://127.0.0.1:{port}{PREFIX}"
        app = make_app(
            base, f"sqlite:///{folder}/apiguard.db", APPLICATION_ROOT=PREFIX, APIGUARD_MTLS_URL=mtls,
            APIGUARD_TRUSTED_PROXIES=["127.0.0.1"],
        )  # fmt: skip
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
        behind.append(DispatcherMiddleware(NotFound(), {PREFIX: app}))
        world = World(app, base)
        try:
            yield Front(world, base, mtls, f"{folder}/server-root.crt", authority, folder)
        finally:
            world.house.close()
            front.stop()


def submitted(session: requests.Session, page: requests.Response, **more: str) -> requests.Response:
    """What a page's one form sends when its button is pressed, without following where that leads."""
    hidden = re.findall(r'<input [^>]*?name="([^"]+)" value="([^"]*)"', page.text)
    action = re.search(r'action="([^"]+)"', page.text)
    assert action is not None, page.text
    data = {name: unescape(value) for name, value in hidden} | more
    return session.post(urljoin(page.url, unescape(action[1])), data=data, allow_redirects=False, timeout=PATIENCE)


def allowed(front: Front, url: str, user: str = "alice") -> str:
    """Where a user's browser is sent back to after the user said yes."""
    session = front.showing(None)
    session.cookies.set("user", user)
    page = session.get(url, allow_redirects=False, timeout=PATIENCE)
    if page.status_code == 200:
        page = submitted(session, page, answer="allow")
    assert page.status_code in (302, 303), page.text
    return page.headers["Location"]


def path_of(url: str) -> str:
    return urlsplit(url).path
