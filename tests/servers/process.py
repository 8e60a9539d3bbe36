"""Starting a server's process, waiting for it, ending it."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.waiting import PATIENCE

LAUNCH = str(Path(__file__).with_name("launch.py"))


class Unavailable(Exception):
    """This server cannot be had here; the message says why and what would help."""


def skip_or_fail(server: str, reason: str) -> None:
    """Skips the test, visibly; fails it when `APIGUARD_TEST_REQUIRE` names the server."""
    required = {name.strip() for name in os.environ.get("APIGUARD_TEST_REQUIRE", "").split(",")}
    if server in required:
        pytest.fail(f"{server} is required by APIGUARD_TEST_REQUIRE, but {reason}", pytrace=False)
    pytest.skip(f"no {server}: {reason}")


def find_program(names: Sequence[str], from_wheel: Callable[[], Path]) -> Path:
    """The server's program: from PATH, else from its wheel. Raises Unavailable."""
    for name in names:
        found = shutil.which(name)
        if found:
            return Path(found).resolve()
    try:
        program = from_wheel()
    except ImportError as error:
        raise Unavailable(f"none of {', '.join(names)} is on PATH and its wheel is not installed ({error})") from error
    if not program.exists():
        raise Unavailable(f"none of {', '.join(names)} is on PATH and the wheel has no program for this machine")
    return program


# Below what systems hand out by themselves, as the near end of a connection too: from 32768 on, or higher.
PORTS, SHARES, SHARE = 20_000, 16, 750


def free_port() -> int:
    """A TCP port of 127.0.0.1 that no other worker of this run is given. Who needs certainty lets the server bind 0."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % SHARES
    while True:
        port = PORTS + worker * SHARE + secrets.randbelow(SHARE)  # never `random`: tests seed it
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Process:
    """A running server. `log` is the file both its outputs go to."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        *,
        user: str = "-",
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.log = log
        # Root's interpreter may lie where the server's user may not look: launch.py changes the user itself.
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-I", "-S", LAUNCH, str(os.getpid()), user, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                pass_fds=pass_fds,
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def wait_until(self, ready: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Returns once `ready()` is true; raises AssertionError with the log when the server died or took too long."""
        end = time.monotonic() + seconds
        while not ready():
            if self.popen.poll() is not None or time.monotonic() > end:
                state = (
                    f"ended with status {self.popen.returncode}" if self.popen.poll() is not None else "is not ready"
                )
                self.stop()
                raise AssertionError(f"server {state}: {self.log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.02)

    def stop(self, signal_number: int = 15, seconds: float = 60) -> None:
        """Asks it to end and waits; kills it when it does not. Ending twice is harmless."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal_number)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
