"""Node and packages for it: what clients in JavaScript are made of. Packages lie in a cache outside the project."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .process import Unavailable

SECONDS = 300


def find_node() -> Path:
    """Raises Unavailable."""
    found = shutil.which("node")
    if found is None:
        raise Unavailable("node is not on PATH")
    return Path(found)


def packages(folder: Path) -> Path:
    """The ``node_modules`` that a folder's lock names, each file of it checked against the lock; installed once.

    Nothing that a package brings is run. Raises Unavailable: there is no npm, or it could not fetch them.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is not on PATH")
    lock = (folder / "package-lock.json").read_bytes()
    place = _cache() / f"node-{hashlib.sha256(lock).hexdigest()[:16]}"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"the folder {place} can't be made: {error}") from error
    with (place / "installing").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(folder / name, place)
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
            try:
                done = subprocess.run(
                    command, cwd=place, capture_output=True, text=True, timeout=SECONDS, check=False,
                    stdin=subprocess.DEVNULL,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                raise Unavailable(f"npm fetched nothing within {SECONDS} seconds") from None
            if done.returncode:
                raise Unavailable(f"npm could not install what {folder.name} names: {done.stderr.strip()[-300:]}")
            (place / "complete").touch()
    return place / "node_modules"


def _cache() -> Path:
    given = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(given) / "flask-apiguard-tests" if given else Path.home() / ".cache" / "flask-apiguard-tests"
    except RuntimeError:  # somebody without a home
        return Path(tempfile.gettempdir()) / f"flask-apiguard-tests-{os.getuid()}"
