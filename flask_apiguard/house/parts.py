"""What the code hands in, looked at where it is handed in: a part that can't work is said there, with the fix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..contracts import CredentialType, EventSink, Notifier, OnboardingCheck
from ..errors import ConfigurationError


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _texts(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and all(_text(one) for one in value)


_WANTED: Mapping[Callable[[Any], bool], str] = {
    _flag: "True or False",
    _text: "a text that is not empty",
    _texts: "a tuple of texts",
}


@dataclass(frozen=True, slots=True)
class Contract:
    """What a part of one kind has: attributes, each with what it must be, and methods."""

    kind: type[Any]
    attributes: Mapping[str, Callable[[Any], bool]]
    methods: tuple[str, ...]


CONTRACTS: Mapping[str, Contract] = {
    "checks": Contract(OnboardingCheck, {"name": _text, "title": _text, "before": _texts}, ("examine",)),
    "credentials": Contract(CredentialType, {"name": _text, "cacheable": _flag}, ("read", "verify", "challenge")),
    "notifiers": Contract(Notifier, {"name": _text}, ("send",)),
    "sinks": Contract(EventSink, {"name": _text, "required": _flag}, ("write",)),
}


def read_parts(argument: str, given: Any) -> tuple[Any, ...]:
    """The parts of one argument of ``APIGuard``, such as ``sinks``.

    :raises ConfigurationError: it is no list, or one of them is no such part; names the part and what it lacks.
    """
    contract = CONTRACTS[argument]
    name = contract.kind.__name__
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        raise ConfigurationError(
            f"{argument} is {_shown(given)}, and wants a list of parts.", f"Write {argument}=[...], each a {name}."
        )
    parts = tuple(given)
    for place, part in enumerate(parts):
        where = f"{argument}[{place}]"
        if isinstance(part, type):
            raise ConfigurationError(f"{where} is the class {part.__name__}.", f"Give one of it: {part.__name__}(...).")
        lacks = list(_lacking(part, contract))
        if lacks:
            raise ConfigurationError(
                f"{where} is {_shown(part)}, no {name}: {', '.join(lacks)}.",
                f"See flask_apiguard.contracts.{name}; flask_apiguard.testing.{name}Suite tests a part of yours.",
            )
    return parts


def _lacking(part: Any, contract: Contract) -> Iterable[str]:
    for name, good in contract.attributes.items():
        if not good(getattr(part, name, None)):
            yield f"its {name} has to be {_WANTED[good]}"
    for name in contract.methods:
        if not callable(getattr(part, name, None)):
            yield f"it has no {name}()"


def read_paths(given: Any) -> tuple[str, ...] | None:
    """The guarded paths, or None for all.

    :raises ConfigurationError: a single text, or something else than texts.
    """
    if given is None:
        return None
    if isinstance(given, str):
        raise ConfigurationError(f"paths is the text {given!r}, and wants a list.", f"Write paths=[{given!r}].")
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise ConfigurationError(f"paths is {_shown(given)}, and wants a list of texts.", 'Write paths=["/api"].')
    paths = tuple(given)
    for path in paths:
        if not isinstance(path, str):
            raise ConfigurationError(f"paths has {_shown(path)} in it.", 'Each is a text such as "/api".')
    return paths


def read_scopes(given: Any) -> Mapping[str, Any]:
    """What is said of scopes, by their names; what is said of each is read where the scopes are.

    :raises ConfigurationError: something else than a mapping.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            f"scopes is {_shown(given)}, and wants a mapping from scope to what it means.",
            'Write scopes={"orders:read": "See your orders"}.',
        )
    return dict(given)


def demand_limiter(given: Any) -> None:
    """:raises ConfigurationError: it is no ``flask_limiter.Limiter``."""
    if given is None:
        return
    from flask_limiter import Limiter  # costs as much to import as all of us; whoever gives one has imported it

    if not isinstance(given, Limiter):
        raise ConfigurationError(
            f"limiter is {_shown(given)}, no flask_limiter.Limiter.", "Give your app's own Limiter, or none."
        )


def _shown(value: Any) -> str:
    """A value in an error: plain ones as they are, objects by their class, for their text has an address in it."""
    if value is None or isinstance(value, (bool, int, float, str, bytes, list, tuple, dict, set, frozenset)):
        return repr(value)[:80]
    return f"of class {type(value).__name__}"
