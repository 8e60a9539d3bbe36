"""Where the story happens: a folder, a mailbox, a server, commands, and who has entered so far."""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .client import Answer, Client, StoryBroken
from .post import SENDER, PostOffice
from .screen import Screen
from .server import Server

ROOT = Path(__file__).resolve().parents[2]
#: Another folder for the tests, which must not forget anybody's demo.
FOLDER = Path(os.environ.get("EXAMPLE_DEMO", ROOT / ".demo"))


@dataclass
class Stage:
    """Everything that scenes share. ``run`` counts the stories told in this folder: each brings its own partner."""

    screen: Screen
    folder: Path
    run: int
    post: PostOffice
    server: Server
    environment: dict[str, str] = field(repr=False)
    began: str = field(default_factory=lambda: f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)
    people: dict[str, Client] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def stranger(self) -> Client:
        """Somebody without any credential."""
        return Client(self.screen, self.server.port)

    @property
    def partner(self) -> str:
        """The organization of this run."""
        return "Acme" if self.run == 1 else f"Acme {self.run}"

    def address(self, name: str) -> str:
        """A person of the partner's."""
        return f"{name}@acme.example" if self.run == 1 else f"{name}+{self.run}@acme.example"

    def caller(self, key: str) -> Client:
        """The partner's program with one of its keys."""
        return self.stranger.having(self.keys[key])

    def mail(self, to: str, subject: str) -> str:
        """The text of a mail, told on the screen."""
        text, seconds = self.post.find(to, subject)
        self.screen.request("mail", to, 250, seconds, f"“{subject}”")
        return text

    def command(self, *words: str, told: str, expect: int = 0, **environment: str) -> str:
        """One ``flask apiguard`` command, told on the screen; what it printed.

        :raises StoryBroken: another exit status than expected.
        """
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "flask", "apiguard", *words], cwd=ROOT, env={**self.environment, **environment},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        line = " ".join(f'"{word}"' if " " in word else word for word in ("flask apiguard", *words)).replace('"', "", 2)
        self.screen.command(line, done.returncode, time.perf_counter() - began, told)
        if done.returncode != expect:
            raise StoryBroken(f"{line}: expected status {expect}, got {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def note(self, text: str) -> None:
        """A line below the last one."""
        self.screen.note(text)

    def close(self) -> None:
        """End what was started."""
        self.server.stop()
        self.post.shutdown()


def demand(truth: Any, told: str, answer: Answer | None = None) -> None:
    """Go on only when the answer says what the story tells.

    :raises StoryBroken: it doesn't.
    """
    if not truth:
        raise StoryBroken(told + (f"\n{answer.text[:2000]}" if answer is not None else ""))


def open_stage(screen: Screen, folder: Path, port: int | None) -> Stage:
    """A folder with a mailbox, and a socket for the server.

    :raises OSError: the port is taken, or the folder can't be written.
    """
    server = Server(port)
    folder.mkdir(parents=True, exist_ok=True)
    memory = folder / "demo.json"
    run = 1 + (json.loads(memory.read_text())["runs"] if memory.exists() else 0)
    memory.write_text(json.dumps({"runs": run}))
    post = PostOffice(folder / "mail")
    return Stage(screen, folder, run, post, server, _environment(folder, server.port, post.url))


def _environment(folder: Path, port: int, mail_url: str) -> dict[str, str]:
    """What a host would write into its own configuration; here for the server and the commands alike."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("APIGUARD_", "FLASK_"))}
    here = f"http://127.0.0.1:{port}"
    return inherited | {
        "APIGUARD_BASE_URL": here,
        "APIGUARD_ISSUER": here,
        "APIGUARD_MAIL_FROM": SENDER,
        "APIGUARD_MAIL_URL": mail_url,
        "APIGUARD_ONBOARDING": "open",
        "APIGUARD_REFERENCE_REQUIRED": "true",
        "EXAMPLE_INSTANCE": str(folder),
        "FLASK_APP": "example_app",
        "PYTHONPATH": str(ROOT),
    }
