"""Keeping a few of what strangers can make without end."""

from __future__ import annotations

from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


def keep(memory: dict[Key, Value], key: Key, value: Value, at_most: int) -> None:
    """Keep a value. What is full is emptied: whatever is asked for again soon is soon back."""
    if len(memory) >= at_most:
        memory.clear()
    memory[key] = value
