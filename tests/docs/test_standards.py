"""The table of standards names tests that are there, and every standard that the authorization server speaks."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from .conftest import DOCS

ROOT = Path(__file__).parents[2]
ROWS = [row.split("     - ") for row in (DOCS / "standards.rst").read_text(encoding="utf-8").split("   * - ")[1:]]
ROWS = [row for row in ROWS if not row[0].startswith("Standard\n")]


def functions(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].partition(":")[0])
def test_a_row_names_a_standard_and_tests_that_are_there(row: list[str]) -> None:
    assert len(row) == 3
    assert re.match(r"RFC \d{4}(, \d{4})*: \S", row[0])
    named = re.split(r"``(tests/[\w/]+\.py)``", row[2])[1:]
    assert named, "no test"
    for path, names in zip(named[::2], named[1::2], strict=True):
        wanted = set(re.findall(r"``(test_\w+)``", names))
        assert wanted, f"{path}: which test?"
        assert wanted <= functions(path), path


def test_every_standard_that_the_authorization_server_names_has_its_row() -> None:
    told = {number for row in ROWS for number in re.findall(r"\d{4}", row[0].partition(":")[0])}
    for path in (ROOT / "flask_apiguard" / "oauth").rglob("*.py"):
        named = set(re.findall(r"RFC (\d{4})", path.read_text(encoding="utf-8")))
        assert named <= told, path.name
