"""Tables as text for a terminal, or as a reStructuredText table for the documentation."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool = False) -> str:
    """Columns as wide as their widest cell; the first is aligned to the left, numbers to the right."""
    if markdown:
        lines = ["| " + " | ".join(row) + " |" for row in [head, *rows]]
        lines.insert(1, "|" + "---|" + "---:|" * (len(head) - 1))
        return "\n".join(lines)
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([line(head), "  ".join("-" * width for width in widths), *map(line, rows)])


def section(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], markdown: bool) -> None:
    """Print one table under its title."""
    print(f"\n### {title}\n" if markdown else f"\n{title}\n")
    print(table(head, rows, markdown=markdown), flush=True)


def surroundings(packages: Sequence[str]) -> str:
    """One sentence about what it was measured on."""
    shown = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"Python {platform.python_version()} on {platform.machine()}; {shown}."
