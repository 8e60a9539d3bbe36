"""Endpoints as values. One table of them drives routing, validation, seats, documentation and tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from marshmallow import Schema

from ..people import Act
from ..values import READ_METHODS

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Who(StrEnum):
    """Who may ask at all."""

    ANYBODY = "anybody"
    STRANGER = "stranger"
    PERSON = "person"
    CLIENT = "client"


@dataclass(frozen=True, eq=False)
class Endpoint:
    """One method of one path.

    ``who``: anybody, without looking who it is; strangers, where the door allows it (``open_only``: registration);
    persons; or persons and clients alike. ``act`` is the seat table's act that the handler demands, for the
    documentation. ``many``: the answer is a page of ``out``. ``secret``: the answer shows something once.
    """

    name: str
    method: str
    path: str
    title: str
    handle: Callable[..., Any] = field(repr=False)
    who: Who = Who.PERSON
    body: type[Schema] | None = None
    query: type[Schema] | None = None
    out: type[Schema] | None = None
    many: bool = False
    status: int = 200
    act: Act | None = None
    secret: bool = False
    open_only: bool = False
    media: str = "application/json"

    @property
    def noun(self) -> str:
        """The room's word in front of the dot."""
        return self.name.partition(".")[0]

    @property
    def writes(self) -> bool:
        """Whether it may change something, so that an idempotency key counts."""
        return self.method not in READ_METHODS


class Table:
    """The endpoints of one noun, in the order in which they are written."""

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self.endpoints: list[Endpoint] = []

    def _add(self, method: str, path: str, title: str, more: Mapping[str, Any]) -> Callable[[Handler], Handler]:
        def add(handle: Handler) -> Handler:
            name = f"{self.noun}.{handle.__name__.rstrip('_')}"
            self.endpoints.append(Endpoint(name, method, path, title, handle, **more))
            return handle

        return add

    def get(self, path: str, title: str, **more: Any) -> Callable[[Handler], Handler]:
        """Read something."""
        return self._add("GET", path, title, more)

    def post(self, path: str, title: str, **more: Any) -> Callable[[Handler], Handler]:
        """Do something."""
        return self._add("POST", path, title, more)

    def put(self, path: str, title: str, **more: Any) -> Callable[[Handler], Handler]:
        """Write something as a whole."""
        return self._add("PUT", path, title, more)

    def patch(self, path: str, title: str, **more: Any) -> Callable[[Handler], Handler]:
        """Change parts of something."""
        return self._add("PATCH", path, title, more)

    def delete(self, path: str, title: str, **more: Any) -> Callable[[Handler], Handler]:
        """Take something away."""
        return self._add("DELETE", path, title, more)
