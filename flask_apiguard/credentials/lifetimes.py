"""How long things live: one span of time, or one by environment or by grant type, never beyond a ceiling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..settings import seconds
from ..values import Environment

#: Of a grant type with a URN for a name (RFC 8628) the last word.
GRANT_TYPES = ("authorization_code", "client_credentials", "device_code", "refresh_token")
_ENVIRONMENTS = tuple(environment.value for environment in Environment)
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds by environment, and by grant type and environment where those differ."""

    base: Mapping[str, int]
    named: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def each(cls, span: int) -> Lifetimes:
        """The same for all."""
        return cls(dict.fromkeys(_ENVIRONMENTS, span))

    def of(self, environment: Environment, grant_type: str = "") -> int:
        """How long what a grant type gives out in an environment lives, in seconds."""
        return self.named.get((grant_type, environment.value), self.base[environment.value])

    def __str__(self) -> str:
        told = {written(span) for span in (*self.base.values(), *self.named.values())}
        if len(told) == 1:
            return told.pop()
        by_environment = [f"{name} {written(span)}" for name, span in self.base.items()]
        return ", ".join(by_environment + [f"{' '.join(name)} {written(span)}" for name, span in self.named.items()])


class Within:
    """Reads lifetimes that keep to their bounds, in seconds; ``grant_types`` are the names that may differ."""

    def __init__(self, default: int, least: int, most: int, grant_types: tuple[str, ...] = ()) -> None:
        self.default = Lifetimes.each(default)
        self.least = least
        self.most = most
        self.grant_types = grant_types
        names = "from environments" + (" or grant types (and environments)" if grant_types else "")
        self.__doc__ = f"A span of time from {written(least)} to {written(most)}, or a mapping {names} to such spans."

    def __call__(self, value: Any) -> Lifetimes:
        """:raises ValueError: something else, or beyond the bounds."""
        if not isinstance(value, Mapping):
            return Lifetimes.each(self._span(value))
        if value and set(value) <= set(_ENVIRONMENTS):
            return Lifetimes({**self.default.base, **self._by_environment(value)})
        if not value or not set(value) <= set(self.grant_types):
            raise self._wrong()
        named: dict[tuple[str, str], int] = {}
        for grant_type, told in value.items():
            spans = told if isinstance(told, Mapping) else dict.fromkeys(_ENVIRONMENTS, told)
            named |= {(grant_type, name): span for name, span in self._by_environment(spans).items()}
        return Lifetimes(self.default.base, named)

    def _by_environment(self, value: Mapping[str, Any]) -> dict[str, int]:
        if not value or not set(value) <= set(_ENVIRONMENTS):
            raise self._wrong()
        return {name: self._span(span) for name, span in value.items()}

    def _span(self, value: Any) -> int:
        try:
            read = seconds(value)
        except ValueError:
            raise self._wrong() from None
        if not self.least <= read <= self.most:
            raise self._wrong()
        return read

    def _wrong(self) -> ValueError:
        told = str(self.__doc__).removesuffix(".")
        return ValueError(told[0].lower() + told[1:])


def written(span: int) -> str:
    """A span as it may stand in a setting: ``90d``."""
    return next(f"{span // size}{unit}" for unit, size in _UNITS if span % size == 0)
