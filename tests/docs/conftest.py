"""The pages as Sphinx gets to see them, and the module that writes their references."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def load_references() -> ModuleType:
    spec = importlib.util.spec_from_file_location("references", DOCS / "references.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def references() -> ModuleType:
    return load_references()


class Pages(dict[str, str]):
    """Page by name, such as ``decisions/house``, with every reference written out."""

    def headings(self, name: str) -> list[str]:
        return [text for text, _ in re.findall(r"^(\S.*)\n([-=~])\2+$", self[name], re.MULTILINE)]


@pytest.fixture(scope="session")
def pages(references: ModuleType) -> Pages:
    return Pages(
        {
            path.relative_to(DOCS).with_suffix("").as_posix(): references.page(path)
            for path in sorted(DOCS.rglob("*.rst"))
            if "_build" not in path.parts
        }
    )
