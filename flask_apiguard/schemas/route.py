"""The schemas of one route and method, compiled once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Request

from ..contracts import Registry, Schema, SchemaKind
from ..errors import FLAWS_AT_MOST, ConfigurationError
from ..rules import Rule
from ..values import Decision, Flaw, Reason
from . import body, outgoing
from .incoming import Incoming, incoming


class RouteSchemas:
    """What one route and method takes and gives.

    ``takes``, ``gives`` and ``needs_body`` let the gate leave out what a route does not need.
    """

    __slots__ = ("_gives", "_provider", "_takes", "gives", "needs_body", "takes")

    def __init__(
        self, takes: Iterable[Incoming], gives: Mapping[int, Schema], provider: body.Provider | None = None
    ) -> None:
        self._takes = tuple(takes)
        self._gives = dict(gives)
        self._provider = provider
        self.takes = bool(self._takes)
        self.gives = bool(self._gives)
        self.needs_body = any(part.needs_body for part in self._takes)

    def load(self, request: Request) -> tuple[Mapping[str, Any] | None, Decision | None]:
        """The validated values by their ``into`` names, or the refusal with the flaws of all locations together.

        Where no body is taken, ``request.get_json()`` is made strict for the view; see :func:`.body.guard_json`.
        415 for another media type or an encoded body, 413 beyond ``request.max_content_length``, 400 for a body that
        is no document or ends early, 422 for documents that do not fit.
        """
        if not self.needs_body:
            body.guard_json(request, self._provider)
        if not self._takes:
            return None, None
        values: dict[str, Any] = {}
        flaws: list[Flaw] = []
        for part in self._takes:
            value, found, refusal = part.load(request, self._provider)
            if refusal is not None:
                return None, refusal
            if found:
                flaws.extend(found)
            elif part.into is not None:
                values[part.into] = value
        if flaws:
            return None, Decision(False, Reason.DOCUMENT_INVALID, flaws=tuple(flaws[: 2 * FLAWS_AT_MOST]))
        return values, None

    def unchecked(self, request: Request) -> Mapping[str, Any]:
        """The documents as they came, by their ``into`` names: what a view gets while the gate only observes.

        Whatever :meth:`load` or ``guard_json`` set on the request is taken back: the view reads as it did without us.
        """
        body.release_json(request)
        return {part.into: part.raw(request) for part in self._takes if part.into is not None}

    def dump(self, rv: Any, *, head: bool = False) -> tuple[Any, Decision | None]:
        """What a Flask view returned, dumped through the schema of its status, with headers and status kept.

        ``(value, None)``: checked. ``(rv, decision)`` with a true decision: unchanged and unchecked, and its detail
        says why (no schema for this status). ``(None, decision)`` with a false one: RESPONSE_INVALID, with flaws;
        also for what can't be checked under a status that has a schema (streams, files, texts), never silently.
        A response object is parsed, checked, and rewritten only where the schema leaves members out. ``head`` says
        that the request was HEAD: an empty response is then no violation.
        """
        return outgoing.dump(self._gives, rv, head)


class Schemas:
    """The house's kinds of schemas, and what compiles rules with them.

    ``provider`` gives the host's JSON provider, for hosts that read JSON in their own way.
    """

    def __init__(self, kinds: Registry[SchemaKind], provider: body.Provider | None = None) -> None:
        self._kinds = kinds
        self._provider = provider
        self._none = RouteSchemas((), {}, provider)
        self._compiled: dict[int, tuple[Any, Schema]] = {}

    def compile(self, schema: Any) -> Schema:
        """One compiled schema for each schema of the host, however many routes name it.

        :raises ConfigurationError: no kind owns it, or its kind can't use it.
        """
        known = self._compiled.get(id(schema))
        if known is not None:
            return known[1]
        for kind in self._kinds:
            if kind.owns(schema):
                compiled = kind.compile(schema)
                self._compiled[id(schema)] = (schema, compiled)  # kept alive with it, or its id could come again
                return compiled
        names = ", ".join(kind.name for kind in self._kinds)
        raise ConfigurationError(f"{schema!r} is not a schema of a known kind.", f"Known kinds: {names}.")

    def route(self, rule: Rule) -> RouteSchemas:
        """Compile what one route and method takes and gives.

        :raises ConfigurationError: for a schema of no known kind, a body that must be JSON and a form at once, two
            schemas for one status, or a status whose answer can't be checked.
        """
        if not rule.accepts and not rule.returns:
            return self._none
        where = f" ({', '.join(draft.place for draft in rule.drafts)})" if rule.drafts else ""
        locations = {part.location for part in rule.accepts}
        if {"json", "form"} <= locations:
            raise ConfigurationError(f"A body can't be JSON and a form at once{where}.", "Drop one `accepts`.")
        gives: dict[int, Schema] = {}
        for answer in rule.returns:
            if answer.status in gives:
                raise ConfigurationError(f"Two schemas for status {answer.status}{where}.", "Drop one `returns`.")
            if answer.status < 200 or answer.status in (204, 205) or 300 <= answer.status < 400:
                raise ConfigurationError(f"An answer with status {answer.status} can't be checked{where}.", "Drop it.")
            gives[answer.status] = self.compile(answer.schema)
        takes = [incoming(self.compile(part.schema), part.location, part.into) for part in rule.accepts]
        return RouteSchemas(takes, gives, self._provider)
