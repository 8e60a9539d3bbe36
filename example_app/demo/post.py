"""A mail server for one machine: takes every mail, sends none on (RFC 5321, as much of it as one sender needs)."""

from __future__ import annotations

import email
import email.policy
import re
import socketserver
import threading
import time
from email.message import EmailMessage
from pathlib import Path
from typing import cast

from .client import PATIENCE, StoryBroken

SENDER = "gate@tidewater.example"


class _Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.answer(220, "post.tidewater.example")
        to: list[str] = []
        for line in self.rfile:
            word = line[:4].upper().strip()
            if word == b"QUIT":
                self.answer(221, "Bye")
                return
            if word == b"RCPT":
                to += re.findall(r"<([^>]*)>", line.decode("utf-8", "replace"))
            if word == b"DATA":
                self.answer(354, "Go on")
                cast(PostOffice, self.server).take(to, self.message())
                to = []
            self.answer(250, "OK")

    def answer(self, code: int, text: str) -> None:
        self.wfile.write(f"{code} {text}\r\n".encode())

    def message(self) -> bytes:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b"..") else line)
        return b"".join(lines)


class PostOffice(socketserver.ThreadingTCPServer):
    """Listens on a free port of this machine; every mail is a file in ``folder`` and waits to be read."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._mails: list[tuple[list[str], EmailMessage]] = []
        self._came = threading.Condition()
        threading.Thread(target=self.serve_forever, name="post", daemon=True).start()

    @property
    def url(self) -> str:
        """For APIGUARD_MAIL_URL."""
        return f"smtp://127.0.0.1:{self.server_address[1]}"

    def take(self, to: list[str], data: bytes) -> None:
        """A mail came."""
        message = email.message_from_bytes(data, policy=email.policy.default)
        with self._came:
            self._mails.append((to, message))
            number = len(list(self._folder.glob("*.eml"))) + 1
            (self._folder / f"{number:03d}.eml").write_bytes(data)
            self._came.notify_all()

    def find(self, to: str, subject: str, seconds: float = PATIENCE) -> tuple[str, float]:
        """The text of a mail to somebody whose subject begins so, and how long we waited for it. Each is found once.

        :raises StoryBroken: it doesn't come.
        """
        began = time.perf_counter()
        until = began + seconds
        with self._came:
            while True:
                for place, (people, message) in enumerate(self._mails):
                    if to in people and str(message["Subject"]).startswith(subject):
                        del self._mails[place]
                        body = message.get_body(("plain",))
                        return body.get_content() if body is not None else "", time.perf_counter() - began
                if not self._came.wait(until - time.perf_counter()):
                    raise StoryBroken(f"No mail {subject!r} came to {to} within {seconds:.0f} s.")


def code_in(text: str) -> str:
    """The code that a mail brings: behind the ``#`` of its link, where no server's log sees it.

    :raises StoryBroken: there is none.
    """
    found = re.search(r"https?://\S+#(\S+)", text)
    if found is None:
        raise StoryBroken(f"There is no link with a code in: {text}")
    return found[1]
