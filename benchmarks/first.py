"""From ``pip install`` to the first guarded route, as README.md has it: ``python -m benchmarks.first``.

In an empty folder with an environment of its own: the checkout is installed, the README's first Python block becomes
``app.py``, its commands are typed one after the other, and its first two calls must be answered 200 and 401. Told is
how long the machine takes; what a person reads and types comes on top. Packages come from where pip gets them.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.process import free_port

from .tables import section

ROOT = Path(__file__).parents[1]
HEAD = ("step", "s", "s since")
#: A reader who waits longer for one command has given up.
PATIENCE = 600
_BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INSTALL = "python3 -m pip install ."


class Reader:
    """Somebody who types what the README says, and how long each step took."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.took: list[tuple[str, float]] = []
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("APIGUARD_", "FLASK_"))}
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
            kept.pop(name, None)
        self.environment = {**kept, "PATH": f"{programs}{os.pathsep}{kept.get('PATH', os.defpath)}"}
        self._seen = ""

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Take down how long a step takes."""
        began = time.perf_counter()
        yield
        self.took.append((step, time.perf_counter() - began))

    def type(self, command: str, folder: Path | None = None) -> None:
        """Run one command.

        :raises RuntimeError: it does not end well.
        """
        with self.timed(f"$ {command if len(command) < 50 else command[:47] + '...'}"):
            done = subprocess.run(
                ["sh", "-c", command], cwd=folder or self.folder, env=self.environment, capture_output=True, text=True,
                timeout=PATIENCE, check=False,
            )  # fmt: skip
        self._seen += done.stdout
        if done.returncode:
            raise RuntimeError(f"$ {command}\n{done.stdout}\n{done.stderr}")

    @contextmanager
    def serving(self) -> Iterator[None]:
        """``flask run``, until it answers."""
        server = subprocess.Popen(
            ["sh", "-c", f"exec flask run --port {self.port}"], cwd=self.folder, env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            with self.timed("$ flask run, until it answers"):
                until = time.monotonic() + PATIENCE
                while self.status(f"http://127.0.0.1:{self.port}/nowhere", {}) is None:
                    if server.poll() is not None or time.monotonic() > until:
                        raise RuntimeError("flask run does not answer")
                    time.sleep(0.01)
            yield
        finally:
            server.terminate()
            server.wait(PATIENCE)

    def call(self, command: str, expected: int) -> None:
        """What the README has curl ask, with the key that was shown.

        :raises RuntimeError: the answer is another one.
        """
        words = shlex.split(command)
        url = next(word for word in words if word.startswith("http"))
        told = [words[at + 1] for at, word in enumerate(words) if word == "-H"]
        shown = re.findall(r"\bapiguard_production_\w+", self._seen)
        headers = dict(line.replace("$KEY", shown[-1]).split(": ", 1) for line in told)
        with self.timed(f"the answer {expected}"):
            status = self.status(url.replace(":5000/", f":{self.port}/"), headers)
        if status != expected:
            raise RuntimeError(f"{status} for $ {command}")

    @staticmethod
    def status(url: str, headers: dict[str, str]) -> int | None:
        """The status of one answer, or None when nobody listens."""
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=PATIENCE) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None


def blocks() -> tuple[str, list[str]]:
    """The app that the README shows first, and what is typed from there on, in order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Add it to your app")[2]
    found = _BLOCK.findall(text)
    app = next(body for kind, body in found if kind == "python")
    typed = [line[2:] for kind, body in found if kind == "console" for line in body.splitlines() if line[:2] == "$ "]
    return app, typed


def checkout(folder: Path) -> Path:
    """A copy of what an installation needs, so that building leaves nothing in the real one."""
    made = folder / "checkout"
    made.mkdir()
    for name in ("pyproject.toml", "setup.cfg", "MANIFEST.in", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, made)
    shutil.copytree(ROOT / "flask_apiguard", made / "flask_apiguard", ignore=shutil.ignore_patterns("__pycache__"))
    return made


def follow(folder: Path, *, here: bool, cold: bool) -> list[tuple[str, float]]:
    """Do what the README says until the first call without a key is refused; how long each step took, in seconds.

    ``here``: with what is installed already. ``cold``: with nothing that pip kept from before.
    """
    app, typed = blocks()
    if here:
        reader = Reader(folder, Path(sys.executable).parent)
        reader.environment["PYTHONPATH"] = str(ROOT)
    else:
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)  # the app that lives has one
        reader = Reader(folder, folder / "venv" / "bin")
        reader.type(_INSTALL + (" --no-cache-dir" if cold else ""), checkout(folder))
    with reader.timed("app.py is written"):
        (folder / "app.py").write_text(app, encoding="utf-8")
    before = typed.index("flask run")
    for command in typed[:before]:
        reader.type(command)
    calls = [command for command in typed[before:] if command.startswith("curl")]
    with reader.serving():
        reader.call(calls[0], 200)
        reader.call(calls[1], 401)
    return reader.took


def main() -> int:
    """Print a table; the exit status is that of a reader who got through."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", action="store_true", help="install nothing: use what is installed here")
    parser.add_argument("--cold", action="store_true", help="use nothing that pip kept from before")
    parser.add_argument("--markdown", action="store_true", help="print the table for the documentation")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="apiguard-bench-") as folder:
        took = follow(Path(folder), here=options.here, cold=options.cold)
    rows, since = [], 0.0
    for step, seconds in took:
        since += seconds
        rows.append((step, f"{seconds:.2f}", f"{since:.2f}"))
    section("From pip install to the first guarded route", HEAD, rows, options.markdown)
    print(f"\n{since:.0f} seconds. Python {platform.python_version()} on {platform.machine()}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
