"""An app behind gunicorn, as processes of its own: for what holds only if several workers agree."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from tests.waiting import wait_for

from .process import Process

ROOT = Path(__file__).parents[2]

# A worker says that it is ready by a file, not by answering: a request to find out would be counted by what is tested.
HOOKS = """
import os
folder = {folder!r}

def post_worker_init(worker):
    open(os.path.join(folder, "ready.%d" % os.getpid()), "w").close()

def child_exit(server, worker):
    try:
        os.remove(os.path.join(folder, "ready.%d" % worker.pid))
    except FileNotFoundError:
        pass  # it ended before it was ready
"""


class Gunicorn:
    """A running gunicorn: `url`, `host`, `port`, `pids` (of its workers), `master` (its own), `log` (its words).

    With `unix` it listens on the Unix socket `socket` as well.
    """

    def __init__(
        self,
        target: str,
        folder: Path,
        *,
        workers: int = 1,
        threads: int = 1,
        env: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
        unix: bool = False,
    ) -> None:
        self.host, self.folder, self.workers = "127.0.0.1", folder, workers
        (folder / "conf.py").write_text(HOOKS.format(folder=str(folder)))
        # Bound here and handed over: nobody can take the port in between.
        with ExitStack() as stack:
            listener = stack.enter_context(socket.socket())
            listener.bind((self.host, 0))
            listeners = [listener]
            if unix:
                self.socket = folder / "app.sock"
                listeners.append(stack.enter_context(socket.socket(socket.AF_UNIX)))
                listeners[1].bind(str(self.socket))
            for one in listeners:
                one.listen(128)
            self.port = int(listener.getsockname()[1])
            bound = [word for one in listeners for word in ("--bind", f"fd://{one.fileno()}")]
            command = [
                sys.executable, "-m", "gunicorn", target, "--config", str(folder / "conf.py"),
                *bound, "--workers", str(workers), "--threads", str(threads),
                "--worker-tmp-dir", str(folder), "--graceful-timeout", "2", "--timeout", "120", *_quiet(), *arguments,
            ]  # fmt: skip
            self.process = Process(
                command, folder / "log", env=_environment(env), cwd=ROOT, pass_fds=[one.fileno() for one in listeners]
            )
        self.url = f"http://{self.host}:{self.port}"
        self.process.wait_until(lambda: len(self.pids) >= workers)

    @property
    def master(self) -> int:
        return self.process.pid

    @property
    def pids(self) -> list[int]:
        """The living workers that are ready, in order of their process ids."""
        ready = sorted(int(path.suffix[1:]) for path in self.folder.glob("ready.*"))
        return [pid for pid in ready if _lives(pid)]

    @property
    def log(self) -> str:
        return self.process.log.read_text(errors="replace")

    def kill(self, pid: int) -> None:
        """End a worker with SIGKILL, and wait until it is gone and they are all there again."""
        os.kill(pid, signal.SIGKILL)
        self.process.wait_until(lambda: pid not in self.pids and len(self.pids) >= self.workers)

    @contextmanager
    def only(self, pid: int) -> Iterator[None]:
        """Meanwhile this worker alone answers: the others stand still, so that whoever calls meets this one."""
        others = [psutil.Process(other) for other in self.pids if other != pid]
        try:
            for other in others:
                other.suspend()
            wait_for(lambda: all(other.status() == psutil.STATUS_STOPPED for other in others))
            yield
        finally:
            for other in others:
                other.resume()

    def stop(self) -> None:
        """At once: asked to end gracefully, workers wait for connections that a client keeps."""
        self.process.stop(signal.SIGQUIT)


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH")]))
    environment["PYTHONUNBUFFERED"] = "1"
    environment.update(more or {})
    return environment


def _quiet() -> list[str]:
    """Newer gunicorns open a control socket in the home folder, which may not be ours to write to."""
    from gunicorn.config import KNOWN_SETTINGS

    known = {setting.name for setting in KNOWN_SETTINGS}
    return ["--no-control-socket"] if "control_socket_disable" in known else []
