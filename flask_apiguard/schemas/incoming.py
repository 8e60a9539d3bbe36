"""What comes in, by location: each turned into one document that a compiled schema can load."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Request
from werkzeug.datastructures import MultiDict

from ..contracts import Schema
from ..values import Decision, Flaw
from .body import Provider, json_document, read, refused_encoding, unsupported, whole_body
from .strict import extended

_MULTIPART = "multipart/form-data"
_FORMS = frozenset({"application/x-www-form-urlencoded", _MULTIPART})
_NOT_UTF_8 = Flaw("", "Not UTF-8.")
#: What the multipart reader leaves where the bytes were no UTF-8. Nobody sends it on purpose.
_REPLACEMENT = "\ufffd"
Found = tuple[Any, tuple[Flaw, ...], Decision | None]


@dataclass(frozen=True, slots=True)
class Incoming:
    """One compiled ``accepts``: ``names`` are the members that the schema knows, ``lists`` those with many values."""

    schema: Schema
    location: str
    into: str | None
    names: frozenset[str]
    lists: frozenset[str]
    headers: Mapping[str, str]

    @property
    def needs_body(self) -> bool:
        """Whether reading this location reads the body."""
        return self.location in ("json", "form")

    def load(self, request: Request, provider: Provider | None) -> Found:
        """The value; or the flaws; or a refusal that ends the reading of all locations."""
        document, flaws, refusal = _READERS[self.location](self, request, provider)
        if refusal is not None or flaws:
            return None, self._placed(flaws), refusal
        value, flaws = self.schema.load(document)
        return value, self._placed(flaws), None

    def raw(self, request: Request) -> Any:
        """The document as it came, unchecked: None where it can't be read at all, or not within its bound."""
        if self.location == "json":
            return read(lambda: request.get_json(silent=True))[0]
        if self.location == "path":
            return dict(request.view_args or {})
        given = {"query": lambda: request.args, "form": lambda: _fields_and_files(request)}
        found, _ = read(given.get(self.location, lambda: request.headers))
        return None if found is None else dict(found.items())

    def _json(self, request: Request, provider: Provider | None) -> Found:
        document, refusal = json_document(request, provider)
        return document, (), refusal

    def _query(self, request: Request, provider: Provider | None) -> Found:
        if not _is_utf_8(request.query_string):
            return None, (_NOT_UTF_8,), None
        return *_singled(request.args, self.lists), None

    def _path(self, request: Request, provider: Provider | None) -> Found:
        arguments = request.view_args or {}
        return {name: arguments[name] for name in self.names if name in arguments}, (), None

    def _headers(self, request: Request, provider: Provider | None) -> Found:
        document: dict[str, Any] = {}
        for header, value in request.headers.items():
            name = self.headers.get(_plain(header))
            if name is not None:
                document[name] = [one.strip() for one in value.split(",")] if name in self.lists else value
        return document, (), None

    def _form(self, request: Request, provider: Provider | None) -> Found:
        if request.mimetype not in _FORMS:
            return None, (), unsupported("The body must be a form.")
        refusal = refused_encoding(request)
        if refusal is not None:
            return None, (), refusal
        if request.mimetype != _MULTIPART:
            # Kept by the request: its own form parser then reads from the kept bytes.
            data, refusal = read(lambda: whole_body(request))
            if refusal is not None:
                return None, (), refusal
            if not _is_utf_8(data):
                return None, (_NOT_UTF_8,), None
        given, refusal = read(lambda: _fields_and_files(request))
        if refusal is not None:
            return None, (), refusal
        return *_singled(given, self.lists), None

    def _placed(self, flaws: tuple[Flaw, ...]) -> tuple[Flaw, ...]:
        if self.location == "json" or not flaws:
            return flaws
        return tuple(replace(flaw, location=self.location) for flaw in flaws)


def incoming(schema: Schema, location: str, into: str | None) -> Incoming:
    """Compile one ``accepts``.

    A compiled schema may say itself which members it has (``names``) and which are lists (``lists``); otherwise its
    JSON Schema is asked.
    """
    names, lists = getattr(schema, "names", None), getattr(schema, "lists", None)
    if (names is None or lists is None) and location != "json":
        members = schema.describe().get("properties", {})
        names = frozenset(members)
        lists = frozenset(name for name, member in members.items() if member.get("type") == "array")
    names, lists = names or frozenset(), lists or frozenset()
    return Incoming(schema, location, into, names, lists, {_plain(name): name for name in names})


def _plain(header: str) -> str:
    return header.lower().replace("-", "_")


def _is_utf_8(quoted: bytes) -> bool:
    """Whether percent-encoded text is. Werkzeug keeps other bytes as ``%FF``, which a quoted ``%25FF`` is as well."""
    try:
        unquote_to_bytes(quoted).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _fields_and_files(request: Request) -> MultiDict[str, Any]:
    return MultiDict([*request.form.items(multi=True), *request.files.items(multi=True)])


def _singled(given: MultiDict[str, Any], lists: Iterable[str]) -> tuple[dict[str, Any], tuple[Flaw, ...]]:
    """One value for each name, a list for each name in ``lists``; a name twice elsewhere would be read two ways."""
    document: dict[str, Any] = {}
    flaws: list[Flaw] = []
    for name, values in given.lists():
        if len(values) > 1 and name not in lists:
            flaws.append(Flaw(extended("", name), "Given more than once."))
        if any(isinstance(text, str) and _REPLACEMENT in text for text in (name, *values)):
            flaws.append(Flaw(extended("", name), "Not UTF-8."))
        document[name] = list(values) if name in lists else values[0]
    return document, tuple(flaws)


_READERS: Mapping[str, Callable[[Incoming, Request, Provider | None], Found]] = {
    "json": Incoming._json,
    "query": Incoming._query,
    "path": Incoming._path,
    "headers": Incoming._headers,
    "form": Incoming._form,
}
