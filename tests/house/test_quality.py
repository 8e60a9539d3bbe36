"""What is true of every file in the project."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Revisions are written by Alembic, once, and never read as prose.
PACKAGE = sorted(path for path in (ROOT / "flask_apiguard").rglob("*.py") if path.parent.name != "versions")
FILE_LINES, FUNCTION_LINES = 400, 60  # the floor; what we aim at is 300 and 40

# Each with one letter in brackets, so that this file may be read by its own test.
NOT_OURS = {
    "a package registry's host": r"(?i)pyp[i]\.org|pythonhoste[d]\.org|npmj[s]\.|crate[s]\.io|proxy\.golan[g]\.org",
    "where packages come from": r"--(?:extra-)?inde[x]-url|--find-link[s]|PIP_INDE[X]_URL",
    "a path of the machine it was written on": r"(?<![\w.])/wor[k]/\w|/far[m]/\w|/\.pyen[v]",
    "how it was written": r"bash_job[s]|\bC[E]O\b|\bsub-?agen[t]s?\b",
    "an issue's number": r"\bissu[e] #?\d",
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def committed() -> list[Path]:
    """The files git knows, as they lie there now."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: only what is committed is looked at")
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return [ROOT / entry for entry in listing.stdout.split("\0") if entry and (ROOT / entry).is_file()]


@pytest.mark.parametrize("path", PACKAGE, ids=name)
def test_a_file_fits_into_a_head(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines < FILE_LINES, f"{lines} lines: a room that has grown needs walls"


@pytest.mark.parametrize("path", PACKAGE, ids=name)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {node.name: size for node in functions if (size := node.end_lineno - node.lineno + 1) >= FUNCTION_LINES}
    assert not long, "a long function asks for names"


def test_nothing_committed_speaks_of_where_and_how_it_was_written() -> None:
    found = []
    for path in committed():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or another binary file
        for what, pattern in NOT_OURS.items():
            for number, line in enumerate(text.splitlines(), 1):
                if match := re.search(pattern, line):
                    found.append(f"{name(path)}:{number}: {what}: {match.group()}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a package registry's host", "see PyP%s.org"),
        ("where packages come from", "pip install --find-link%s x"),
        ("a path of the machine it was written on", "in /wor%s/main"),
        ("how it was written", "asked by the C%sO"),
        ("an issue's number", "as issu%s 2 says"),
    ],
)
def test_the_words_looked_for_would_be_found(what: str, text: str) -> None:

    assert any(re.search(NOT_OURS[what], text % part) for part in "iskEe")


def test_no_secret_lies_around() -> None:
    keys = [name(path) for path in committed() if path.suffix in {".pem", ".key", ".p12"} or path.name == ".env"]
    assert not keys, "keys for tests are made by the tests"


def test_the_changes_have_an_entry_for_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    heading = f"Version {version}"
    entries = re.split(r"^(Version .+)\n-+\n", (ROOT / "CHANGES.rst").read_text(), flags=re.MULTILINE)
    assert entries[1] == heading, "the newest version comes first"
    assert re.match(r"\n(Unreleased|Released \d{4}-\d\d-\d\d)\n\n-   \S", entries[2])


def test_the_two_commands_need_only_the_standard_library() -> None:
    imported = set()
    for node in ast.walk(ast.parse((ROOT / "run.py").read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module
            imported.add(node.module)
    assert {module.split(".")[0] for module in imported} <= sys.stdlib_module_names
