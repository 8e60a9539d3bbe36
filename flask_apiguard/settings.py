"""Settings: each is a name, a default, a type and one sentence, declared by the room that reads it.

Values come from ``app.config``, then from the process environment (``APIGUARD_X``, or Flask's own
``FLASK_APIGUARD_X``), then from the default. An unknown ``APIGUARD_*`` key is an error with a suggestion.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from .errors import ConfigurationError

T = TypeVar("T")
PREFIX = "APIGUARD_"
#: Read by the project's own test suite, never by the extension.
RESERVED = "APIGUARD_TEST_"
#: Read by the commands from the environment of whoever types them; never part of an app's configuration.
FOR_COMMANDS = frozenset({"APIGUARD_PERSON_TOKEN"})
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, eq=False)
class Setting(Generic[T]):
    """One declared setting. ``parse`` turns a configured value into ``T`` or raises ValueError saying what it wants."""

    name: str
    default: T
    parse: Callable[[Any], T]
    doc: str
    secret: bool = False
    demo_only: bool = False


def text(value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text")
    return value


def optional_text(value: Any) -> str | None:
    """A text, or None."""
    return None if value is None or value == "" else text(value)


def flag(value: Any) -> bool:
    """True or False; in the environment also 1, 0, yes, no, on, off."""
    if isinstance(value, bool):
        return value
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    answer = known.get(str(value).strip().lower())
    if answer is None:
        raise ValueError("true or false")
    return answer


def whole(least: int = 0, most: int | None = None) -> Callable[[Any], int]:
    """A whole number within bounds."""

    def parse(value: Any) -> int:
        wanted = f"a whole number from {least}" + (f" to {most}" if most is not None else "")
        if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,18}", str(value).strip()):
            raise ValueError(wanted)
        number = int(value)
        if number < least or (most is not None and number > most):
            raise ValueError(wanted)
        return number

    return parse


def seconds(value: Any) -> int:
    """A span of time: seconds, a timedelta, or a text such as ``90d``, ``12h``, ``30m``, ``45s``."""
    if isinstance(value, dt.timedelta):
        return int(value.total_seconds())
    found = re.fullmatch(r"([0-9]{1,9})([smhdw]?)", str(value).strip().lower())
    if isinstance(value, bool) or found is None:
        raise ValueError('a span of time such as "90d", "12h" or seconds')
    return int(found[1]) * _UNITS.get(found[2], 1)


def choice(*options: str) -> Callable[[Any], str]:
    """One of a few words."""

    def parse(value: Any) -> str:
        if value not in options:
            raise ValueError("one of " + ", ".join(options))
        return str(value)

    return parse


def words(value: Any) -> tuple[str, ...]:
    """A list of texts; in the environment JSON or comma-separated."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, (list, tuple, set, frozenset)) or not all(isinstance(part, str) for part in value):
        raise ValueError("a list of texts")
    return tuple(value)


def mapping(value: Any) -> Mapping[str, Any]:
    """A mapping from text to anything; in the environment JSON."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError("a mapping with text keys")
    return dict(value)


class Settings:
    """The resolved settings of one app. ``settings[SETTING]`` is typed; ``source(SETTING)`` says where it came from."""

    def __init__(self, values: Mapping[str, Any], sources: Mapping[str, str], declared: Iterable[Setting[Any]]) -> None:
        self._values = dict(values)
        self._sources = dict(sources)
        self.declared = tuple(sorted(declared, key=lambda setting: setting.name))

    def __getitem__(self, setting: Setting[T]) -> T:
        return cast(T, self._values[setting.name])

    def source(self, setting: Setting[Any]) -> str:
        """``config``, ``environment`` or ``default``."""
        return self._sources[setting.name]

    def __repr__(self) -> str:
        return f"<Settings {len(self._values)}>"


def resolve(
    config: Mapping[str, Any], declared: Iterable[Setting[Any]], environ: Mapping[str, str] | None = None
) -> Settings:
    """Read every declared setting once.

    :raises ConfigurationError: for an unknown key (with the nearest known one) or a value of the wrong type.
    """
    environ = os.environ if environ is None else environ
    known: dict[str, Setting[Any]] = {}
    for setting in declared:
        if setting.name in known:
            raise ConfigurationError(f"The setting {setting.name} is declared twice.")
        known[setting.name] = setting
    outside = _from_environment(environ)
    for name in [*config, *outside]:
        if isinstance(name, str) and name.startswith(PREFIX) and not name.startswith(RESERVED) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ConfigurationError(f"{name} is not a setting.", f"Did you mean {near[0]}?" if near else "")
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, setting in known.items():
        if config.get(name) is not None:
            values[name], sources[name] = _parsed(setting, config[name]), "config"
        elif name in outside:
            values[name], sources[name] = _parsed(setting, outside[name]), "environment"
        else:
            values[name], sources[name] = setting.default, "default"
    return Settings(values, sources, known.values())


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    ours = [name for name in environ if name.startswith(("FLASK_" + PREFIX, PREFIX)) and name not in FOR_COMMANDS]
    for name in sorted(ours, key=lambda name: name.startswith(PREFIX)):  # of two names the one without FLASK_ holds
        if environ[name] != "":
            found[PREFIX + name.removeprefix("FLASK_").removeprefix(PREFIX)] = _decoded(environ[name])
    return found


def _decoded(value: str) -> Any:
    """Lists and mappings come as JSON; everything else stays the text it is, for the setting's own type to read."""
    if value[:1] in "[{":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _parsed(setting: Setting[T], value: Any) -> T:
    try:
        return setting.parse(value)
    except (TypeError, ValueError) as error:
        shown = "a secret" if setting.secret else repr(value)[:80]
        raise ConfigurationError(f"{setting.name} is {shown}; it wants {error}.", setting.doc) from None
