"""The app stands under a prefix behind nginx: every endpoint is found, and what belongs to the host's root is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from tests.oauth.browser import CALLBACK, VERIFIER, Browser
from tests.oauth.devices import Screen, send
from tests.oauth.world import World, make_app
from tests.servers.http import serve
from tests.servers.nginx import Nginx

#: What the documentation says to write, for an app under /shop.
CONFIG = """
server {
    listen 127.0.0.1:@PORT@;
    location /shop/ { proxy_pass @APP@; proxy_set_header Host $http_host; }
    location = /.well-known/oauth-authorization-server/shop {
        proxy_pass @APP@/shop/.well-known/oauth-authorization-server; proxy_set_header Host $http_host;
    }
    location = /.well-known/oauth-protected-resource/shop {
        proxy_pass @APP@/shop/.well-known/oauth-protected-resource; proxy_set_header Host $http_host;
    }
}
"""


@pytest.fixture
def shop(nginx: Callable[[str], Nginx], tmp_path: Path) -> Iterator[World]:
    behind: list[Any] = []
    with serve(lambda environ, start: behind[0](environ, start)) as inside:
        front = nginx(CONFIG.replace("@APP@", inside))
        base = front.url + "/shop"
        app = make_app(base, f"sqlite:///{tmp_path}/apiguard.db", APPLICATION_ROOT="/shop")
        behind.append(DispatcherMiddleware(NotFound(), {"/shop": app}))
        world = World(app, base)
        yield world
        world.house.close()
        front.stop()


def test_a_client_that_knows_only_the_issuer_finds_its_way(shop: World) -> None:
    origin = shop.base.removesuffix("/shop")
    told = requests.get(origin + "/.well-known/oauth-authorization-server/shop", timeout=20).json()
    assert told == requests.get(shop.base + "/.well-known/oauth-authorization-server", timeout=20).json()
    assert told["issuer"] == shop.base
    holder = shop.holder(redirect_uris=(CALLBACK,))
    session = OAuth2Session(
        holder.id, holder.secret, redirect_uri=CALLBACK, scope="orders:read", code_challenge_method="S256"
    )
    url, _ = session.create_authorization_url(told["authorization_endpoint"], code_verifier=VERIFIER)
    browser = Browser(shop)
    page = browser.session.get(url, timeout=20)
    assert 'href="/shop/oauth/style.css"' in page.text
    assert 'action="/shop/oauth/consent"' in page.text
    shop.base = origin
    back = browser.answer(page, **{"Sec-Fetch-Site": "same-origin"})
    session.fetch_token(told["token_endpoint"], authorization_response=back.headers["Location"], code_verifier=VERIFIER)
    assert session.get(origin + "/shop/api/orders").json()["user"] == "alice"


def test_a_devices_user_finds_the_page_under_the_prefix(shop: World) -> None:
    screen, origin = Screen(shop, shop.holder(device=True)), shop.base.removesuffix("/shop")
    started = screen.start()
    assert started["verification_uri"] == shop.base + "/oauth/device"
    browser = Browser(shop)
    page = browser.session.get(started["verification_uri_complete"], timeout=20)
    shop.base = origin
    asked = send(browser, page, {"Sec-Fetch-Site": "same-origin"}, user_code=started["user_code"])
    done = send(browser, asked, {"Origin": origin}, answer="allow")
    assert 'href="/shop/oauth/connections"' in done.text
    shop.base = origin + "/shop"
    assert screen.poll(started).status_code == 200


def test_a_refused_call_points_at_metadata_that_are_there_and_so_does_the_hosts_root(shop: World) -> None:
    refusal = requests.get(shop.base + "/api/orders", timeout=20)
    url = refusal.headers["WWW-Authenticate"].partition('resource_metadata="')[2].partition('"')[0]
    told = requests.get(url, timeout=20).json()
    assert told["resource"] == shop.base
    origin = shop.base.removesuffix("/shop")
    assert requests.get(origin + "/.well-known/oauth-protected-resource/shop", timeout=20).json() == told
