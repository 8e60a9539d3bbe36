"""Where one app's files are, and its one secret."""

from __future__ import annotations

import os
import secrets as system_random
import shutil
import tempfile
import threading
import weakref
from functools import cached_property
from pathlib import Path

from flask import Flask

from .. import oauth
from ..clock import Clock
from ..errors import ConfigurationError
from ..rules import Book
from ..settings import Settings, resolve
from .declared import DATABASE_URL, EVENTS_FILE, PATHS, SECRET, SECRET_FILE, SETTINGS, STATE_FILE, Options


class Ground:
    """The app, what it was told, and where its files are. Nothing here opens or makes anything before it is asked."""

    def __init__(self, app: Flask, options: Options) -> None:
        self._app = weakref.ref(app)
        self.options = options
        self.settings: Settings = resolve(app.config, SETTINGS)
        paths = self.settings[PATHS] if self.settings[PATHS] is not None else options.paths
        self.book = Book(tuple(paths) if paths is not None else None, options.entries)
        self.policies = options.policies
        self.clock = Clock()
        self._lock = threading.RLock()
        self.is_open = False
        self._demand_secret()

    @property
    def app(self) -> Flask:
        """The app whose house this is."""
        app = self._app()
        if app is None:
            raise RuntimeError("the app is gone")
        return app

    @cached_property
    def folder(self) -> Path:
        """Where our files are: the instance folder, or a private temporary one under ``TESTING`` without a URL."""
        if self.app.testing and self.settings[DATABASE_URL] is None:
            made = tempfile.mkdtemp(prefix="apiguard-")
            self._temporary = weakref.finalize(self, shutil.rmtree, made, ignore_errors=True)
            return Path(made)
        return Path(self.app.instance_path)

    def _state_url(self) -> str:
        return self.settings[DATABASE_URL] or f"sqlite:///{self.folder / STATE_FILE}"

    def _events_url(self) -> str:
        url = self.settings[DATABASE_URL]
        if url is None:
            return f"sqlite:///{self.folder / EVENTS_FILE}"
        if url.startswith("sqlite:///"):
            path = Path(url.removeprefix("sqlite:///"))
            return f"sqlite:///{path.with_name(path.stem + '-events' + path.suffix)}"
        return url

    def _demand_secret(self) -> None:
        url = self.settings[DATABASE_URL] or ""
        if self.settings[SECRET] is None and url.startswith("postgres"):
            raise ConfigurationError(
                "APIGUARD_SECRET is missing; a store that several hosts share needs one that they share.",
                'Make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"',
            )

    def read_secret(self) -> bytes:
        """The one secret that everything is derived from; made at first use where nobody set it.

        :raises ConfigurationError: its file can't be read or made.
        """
        given = self.settings[SECRET]
        if given is not None:
            return given.encode()
        return self_made(self.folder / SECRET_FILE)

    @cached_property
    def places(self) -> oauth.Places | None:
        """Where the authorization server is; None while it is off."""
        issuer = self.settings[oauth.ISSUER]
        if issuer is None:
            return None
        return oauth.places(
            issuer, self.settings[oauth.RESOURCE], self.app.config["APPLICATION_ROOT"], self.settings[oauth.MTLS_URL]
        )


def self_made(path: Path) -> bytes:
    """The secret in a file of ours, made at first use; two processes starting at once end with the same one.

    :raises ConfigurationError: the file can't be read or made; names it, and the fix.
    """
    try:
        return _read_or_made(path)
    except OSError as error:
        raise ConfigurationError(
            f"{path} can't be read or made ({error.strerror}).",
            "Make its folder writable for this process, or set APIGUARD_SECRET.",
        ) from None


def _read_or_made(path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        os.write(handle, system_random.token_urlsafe(48).encode())
        os.fsync(handle)
        os.close(handle)
        try:
            os.link(fresh, path)
        except FileExistsError:
            return path.read_bytes().strip()
    finally:
        os.unlink(fresh)
    return path.read_bytes().strip()
