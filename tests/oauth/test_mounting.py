"""An app that is mounted elsewhere than its settings say tells whoever operates it, once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_apiguard.extension import house_of
from tests.oauth.world import make_app
from tests.servers.http import serve
from tests.waiting import PATIENCE

METADATA = "/.well-known/oauth-authorization-server"
Around = Callable[[Any], Any]


@contextmanager
def mounted(folder: Path, path: str, around: Around, **config: Any) -> Iterator[str]:
    """The server's address; the issuer is that with a path."""
    behind: list[Any] = []
    with serve(lambda environ, start: behind[0](environ, start)) as base:
        app = make_app(base + path, f"sqlite:///{folder}/a.db", **config)
        behind.append(around(app))
        yield base
        house_of(app).close()


def under_shop(app: Any) -> Any:
    return DispatcherMiddleware(NotFound(), {"/shop": app})


def as_it_is(app: Any) -> Any:
    return app


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "APPLICATION_ROOT" in record.getMessage()]


def get(url: str, **headers: str) -> int:
    return requests.get(url, headers=headers, timeout=PATIENCE).status_code


def test_a_prefix_that_nobody_told_the_app_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), mounted(tmp_path, "/shop", under_shop) as base:
        told = requests.get(f"{base}/shop{METADATA}/shop", timeout=PATIENCE).json()
        assert get(told["token_endpoint"]) == 404
        assert get(f"{base}/shop/api/orders") == 401
        (line,) = said(caplog)
    assert "'/shop'" in line
    assert "Set APPLICATION_ROOT" in line


def test_a_prefix_that_proxyfix_takes_from_a_header_is_seen_wherever_proxyfix_stands(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fixed(app: Any) -> Any:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1)
        return app

    with caplog.at_level(logging.ERROR), mounted(tmp_path, "", fixed) as base:
        get(base + METADATA)
        assert said(caplog) == []
        get(base + "/api/orders", **{"X-Forwarded-Prefix": "/shop"})
        assert len(said(caplog)) == 1


def test_a_prefix_that_nobody_takes_away_is_said_and_a_probe_past_the_proxy_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), mounted(tmp_path, "/shop", as_it_is, APPLICATION_ROOT="/shop") as base:
        get(base + "/health")
        assert said(caplog) == []
        get(base + "/shop/oauth/authorize")
        (line,) = said(caplog)
    assert "SCRIPT_NAME=/shop" in line


def test_where_settings_and_server_agree_nothing_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        with mounted(tmp_path, "/shop", under_shop, APPLICATION_ROOT="/shop") as base:
            assert get(base + "/shop" + METADATA) == 200
        with mounted(tmp_path, "/auth", as_it_is, APIGUARD_DATABASE_URL=f"sqlite:///{tmp_path}/b.db") as base:
            assert get(base + "/auth/oauth/connections") == 401
    assert said(caplog) == []
