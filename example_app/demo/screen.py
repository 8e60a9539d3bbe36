"""What the reader sees: one line for each request, in light colour on a terminal, in plain text anywhere else."""

from __future__ import annotations

import os
import re
import sys
from typing import TextIO

GREEN, YELLOW, RED, DIM, BOLD = "32", "33", "31", "2", "1"
_ID = re.compile(r"\b([a-z]{2,4})_[0-9a-z]{20,}")


class Screen:
    """Prints, and counts what it printed of which kind."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._colours = out.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    def say(self, text: str = "") -> None:
        """A line, at once."""
        print(text, file=self._out, flush=True)

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour, where there are colours."""
        return f"\033[{colour}m{text}\033[0m" if self._colours else text

    def part(self, number: int, parts: int, name: str, told: str = "") -> None:
        """The heading of a part."""
        self.say()
        self.say(f"{self.paint(f'[{number}/{parts}] {name}', BOLD)}  {told}".rstrip())

    def scene(self, name: str) -> None:
        """A heading within a part."""
        self.say(self.paint(f"  -- {name}", DIM))

    def request(self, method: str, path: str, status: int, seconds: float, told: str) -> None:
        """One request and its answer. A refusal that was expected is yellow, not red: the gate did its work."""
        colour = GREEN if status < 400 else YELLOW
        shown = self.paint(str(status), colour)
        self.say(f"  {method:<6} {short(path):<54} {shown} {seconds * 1000:>5.0f} ms  {short(told)}")

    def command(self, line: str, status: int, seconds: float, told: str) -> None:
        """One command and its exit status."""
        shown = self.paint(f"  {status}", GREEN if status == 0 else YELLOW)
        self.say(f"  $ {short(line):<59} {shown} {seconds * 1000:>5.0f} ms  {told}")

    def note(self, text: str) -> None:
        """What stands in an answer, below its line."""
        self.say(self.paint(f"           {short(text)}", DIM))

    def wrong(self, text: str) -> None:
        """What should not have happened."""
        self.say(self.paint(text, RED))


def short(text: str) -> str:
    """Long ids cut to what tells them apart: ``app_...9d5c``."""
    text = text.replace("/apiguard/api/v1", "") if text.startswith("/apiguard/api/v1/") else text
    return _ID.sub(lambda found: f"{found[1]}_..{found[0][-4:]}", text)
