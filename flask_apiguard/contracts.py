"""Every extension point on one page. Our own parts use them too.

A part is given to ``APIGuard(app, credentials=[...], checks=[...], sinks=[...], notifiers=[...])``; no file of ours
changes. Each contract has a conformance suite in ``flask_apiguard.testing`` that a new part passes by subclassing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from werkzeug.wrappers import Request

from .errors import ConfigurationError
from .values import Caller, Evidence, Flaw


@dataclass(frozen=True, slots=True)
class Presented:
    """A credential as found on a request, not yet judged. ``secret`` never leaves the process."""

    kind: str
    secret: str = field(repr=False)
    material: Any = field(default=None, repr=False)


@runtime_checkable
class CredentialType(Protocol):
    """A way to prove who calls."""

    name: str
    #: Whether the same secret proves the same caller again, so that the answer may be remembered until it changes.
    cacheable: bool

    def read(self, request: Request) -> Presented | None:
        """Find what is presented; None means "not mine"."""
        ...

    def verify(self, presented: Presented) -> Caller:
        """Judge it.

        :raises flask_apiguard.errors.Denied: mine and bad.
        """
        ...

    def challenge(self) -> str:
        """What ``WWW-Authenticate`` says for this type (RFC 9110, section 11.6.1): scheme and parameters."""
        ...


@runtime_checkable
class OnboardingCheck(Protocol):
    """An automated examination of an application. ``before`` names the moves that wait for it."""

    name: str
    title: str
    before: tuple[str, ...]

    def examine(self, application: Any) -> Evidence:
        """Look at one application (an ``onboarding.Dossier``): passed, failed with a fix, or waiting."""
        ...


@runtime_checkable
class EventSink(Protocol):
    """Where access events go besides our own store. ``required`` holds back shipping until it took them."""

    name: str
    required: bool

    def write(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Take a batch, at least once; an id may come again. Raise to have it brought again later."""
        ...


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know. ``key`` groups repetitions; ``to`` are e-mail addresses."""

    key: str
    subject: str
    text: str
    to: tuple[str, ...] = ()
    severity: str = "info"
    facts: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Notifier(Protocol):
    """A way to tell people."""

    name: str

    def send(self, notice: Notice) -> None:
        """Deliver one notice or raise; an undelivered one is tried again."""
        ...


class Schema(Protocol):
    """One compiled schema. Compiled once, used from many threads."""

    def load(self, document: Any) -> tuple[Any, tuple[Flaw, ...]]:
        """The validated value and no flaws, or None and all flaws (bounded in number)."""
        ...

    def dump(self, value: Any) -> tuple[Any, tuple[Flaw, ...]]:
        """What may go out for a view's return value and no flaws, or None and the flaws."""
        ...

    def describe(self) -> dict[str, Any]:
        """The schema as a JSON Schema (2020-12) object."""
        ...


@runtime_checkable
class SchemaKind(Protocol):
    """A language that schemas are written in."""

    name: str

    def owns(self, schema: Any) -> bool:
        """Whether this is a schema of this kind."""
        ...

    def compile(self, schema: Any) -> Schema:
        """Make it ready, once, at start.

        :raises flask_apiguard.errors.ConfigurationError: it is no valid schema.
        """
        ...


Part = TypeVar("Part")


class Registry(Generic[Part]):
    """Named parts in a written order. A taken name is refused at start: a part ignored in silence is a hole."""

    def __init__(self, what: str, name_of: Callable[[Part], str], parts: Sequence[Part] = ()) -> None:
        self._what = what
        self._name_of = name_of
        self._parts: dict[str, Part] = {}
        for part in parts:
            self.add(part)

    def add(self, part: Part) -> None:
        """Append a part.

        :raises ConfigurationError: its name is taken.
        """
        name = self._name_of(part)
        if name in self._parts:
            raise ConfigurationError(f"There is a {self._what} named {name!r} already.", "Give it another name.")
        self._parts[name] = part

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts.values())

    def __len__(self) -> int:
        return len(self._parts)

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __getitem__(self, name: str) -> Part:
        return self._parts[name]
