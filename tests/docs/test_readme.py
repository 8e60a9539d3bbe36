"""The README is followed from top to bottom by somebody who types what it says and compares what it shows.

Python blocks become the files that their first line names. Of a console block, lines behind ``$`` are typed and the
others are what must then be read; ``...`` stands for anything.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.process import free_port
from tests.waiting import PATIENCE, wait_for

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.py)(, further down)?\n")
PORT = 5000  # Flask's own; the reader's is free
KNOWN = {"sh", "python", "console"}


class Reader:
    """A person in a folder of their own, with a shell and a second terminal for the server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.seen = ""
        self.variables: dict[str, str] = {}
        self._server: subprocess.Popen[bytes] | None = None
        stray = {name: value for name, value in os.environ.items() if not name.startswith(("APIGUARD_", "FLASK_"))}
        path = os.pathsep.join((str(folder / "bin"), str(Path(sys.executable).parent), stray.get("PATH", os.defpath)))
        self.environment = {**stray, "PATH": path, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "-p no:cacheprovider"}
        self._make_sure_of_curl()

    def write(self, text: str) -> None:
        """Put a Python block into its file."""
        named = FILE.match(text)
        assert named, f"a Python block says which file it is: {text[:60]!r}"
        with open(self.folder / named[1], "a" if named[2] else "w", encoding="utf-8") as file:
            file.write(("\n\n" if named[2] else "") + text)

    def follow(self, block: str) -> None:
        """Type a console block and compare."""
        for command, shown in steps(block):
            if "flask run" in command:
                self.serve(command)
                continue
            status, said = self.type(command)
            if shown:
                assert fits(shown, said), f"$ {command}\n{said}\n-- is not what the README shows:\n{shown}"
            else:
                assert status == 0, f"$ {command}\n{said}"

    def type(self, command: str) -> tuple[int, str]:
        """Run one command; its exit status and what it said."""
        assigned = re.fullmatch(r"(\w+)=(\S+)", self.filled(command))
        if assigned:
            self.variables[assigned[1]] = assigned[2]
            return 0, ""
        done = subprocess.run(
            ["sh", "-c", self.filled(command)], cwd=self.folder, env={**self.environment, **self.variables},
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=PATIENCE,
        )  # fmt: skip
        self.seen += done.stdout
        return done.returncode, done.stdout

    def filled(self, command: str) -> str:
        """The command with what was seen before in place of ``prefix_...``, and the free port."""

        def last(found: re.Match[str]) -> str:
            known = re.findall(rf"\b{found[1]}\w+", self.seen)
            assert known, f"nothing that begins with {found[1]} was shown yet"
            return str(known[-1])

        command = re.sub(r"\b([a-z_]+_)\.\.\.", last, command)
        return re.sub(r"^curl ", "curl -s ", command).replace(f":{PORT}/", f":{self.port}/")

    def serve(self, command: str) -> None:
        """Start the server, in place of one that runs."""
        self.stop()
        given = dict(re.findall(r"(\w+)=(\S+)", command))
        run = [sys.executable, "-m", "flask", "run", "--port", str(self.port), "--no-reload"]
        environment = {**self.environment, **given}
        self._server = subprocess.Popen(
            run, cwd=self.folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(self._listens)

    def _listens(self) -> bool:
        assert self._server is not None
        assert self._server.poll() is None, "the server ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self._server is not None:
            self._server.terminate()
            self._server.wait(timeout=PATIENCE)
            self._server = None

    def _make_sure_of_curl(self) -> None:
        if shutil.which("curl"):
            return
        (self.folder / "bin").mkdir()
        stand_in = self.folder / "bin" / "curl"
        stand_in.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("plain_curl.py")} "$@"\n')
        stand_in.chmod(0o755)


def steps(block: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block, and what is shown below it."""
    for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = step.partition("\n")
        yield command, shown.strip()


def fits(shown: str, said: str) -> bool:
    """Whether what was said is what is shown, ``...`` being anything."""
    text = said.replace("\r\n", "\n").strip()
    pattern = "".join(".*" if part == "..." else re.escape(part) for part in re.split(r"(\.\.\.)", shown))
    return re.fullmatch(pattern, text, re.DOTALL) is not None


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    person = Reader(tmp_path)
    yield person
    person.stop()


def test_every_block_is_of_a_kind_that_is_run() -> None:
    assert {kind for kind, _ in BLOCK.findall(README)} == KNOWN
    assert README.count("```") == 2 * len(BLOCK.findall(README))


@pytest.mark.slow
def test_whoever_follows_the_readme_sees_what_it_shows(reader: Reader) -> None:
    for kind, text in BLOCK.findall(README):
        if kind == "python":
            reader.write(text)
        elif kind == "console":
            reader.follow(text)


def test_what_is_shown_is_compared() -> None:
    assert fits("a ... c\n...", "a b c\r\nanything\n")
    assert not fits("a ... c", "a b d")


def test_the_commands_of_the_project_are_those_that_there_are() -> None:
    lines = [line for kind, text in BLOCK.findall(README) if kind == "sh" for line in text.splitlines()]
    assert lines == ["python3 run.py demo", "python3 run.py test", "python3 -m pip install ."]
    trying = README.partition("## Add it")[0]
    for command in ("demo", "test"):
        told = [sys.executable, ROOT / "run.py", command, "--help"]
        done = subprocess.run(told, capture_output=True, check=True, text=True)
        (sentence,) = re.findall(rf"^.*?`{command}` (.*?)(?=`test`|\Z)", trying, re.DOTALL | re.MULTILINE)
        options = re.findall(r"`(--\w+)`", sentence)
        assert options
        assert all(option in done.stdout for option in options), f"run.py {command}: {options}"


@pytest.mark.slow
def test_the_checkout_can_be_installed(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(ROOT / "flask_apiguard", project / "flask_apiguard", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.cfg", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, project)
    into = tmp_path / "site"
    quickly = ["--quiet", "--no-deps", "--no-compile"]
    subprocess.run([sys.executable, "-m", "pip", "install", *quickly, "--target", into, project], check=True)
    said = subprocess.run(
        [sys.executable, "-c", "import flask_apiguard; print(flask_apiguard.__file__)"], cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(into)}, capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert said.stdout.startswith(str(into))


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)]+)\)", README))
def test_links_of_the_readme_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
