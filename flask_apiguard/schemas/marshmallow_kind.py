"""marshmallow schemas, classes or instances, as a kind of schema."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields
from marshmallow.exceptions import MarshmallowError
from werkzeug.exceptions import HTTPException

from ..errors import FLAWS_AT_MOST, APIGuardError, ConfigurationError
from ..values import Flaw
from .marshmallow_dump import Outgoing
from .marshmallow_load import plan
from .strict import extended

logger = logging.getLogger(__name__)
_OWN = "_schema"


class MarshmallowKind:
    """Owns :class:`marshmallow.Schema` classes and instances."""

    name = "marshmallow"

    def owns(self, schema: Any) -> bool:
        """Whether this is a marshmallow schema, class or instance."""
        return isinstance(schema, Schema) or (isinstance(schema, type) and issubclass(schema, Schema))

    def compile(self, schema: Any) -> MarshmallowDocument:
        """One instance for the life of the app. Unknown fields are refused unless the schema itself says otherwise.

        :raises ConfigurationError: the schema, or one nested in it, can't be made.
        """
        shown = schema.__name__ if isinstance(schema, type) else type(schema).__name__
        try:
            return MarshmallowDocument(schema() if isinstance(schema, type) else schema)
        except (MarshmallowError, NameError, TypeError, ValueError) as error:
            raise ConfigurationError(f"The schema {shown} can not be used: {error}.") from error


class MarshmallowDocument:
    """One compiled schema. ``names`` are the fields that may come in, ``lists`` those that take several values."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        own = type(schema).dump is not Schema.dump or type(schema)._serialize is not Schema._serialize
        self._outgoing = _OwnDump(schema) if own else Outgoing(schema)
        self._quickly = plan(schema)
        incoming = {_key(name, field): field for name, field in schema.load_fields.items()}
        self.names = frozenset(incoming)
        self.lists = frozenset(
            name for name, field in incoming.items() if isinstance(field, (fields.List, fields.Tuple))
        )

    def load(self, document: Any) -> tuple[Any, tuple[Flaw, ...]]:
        """The loaded value, or None and every flaw (at most ``FLAWS_AT_MOST``).

        What a validator raises besides ValidationError is logged and refuses the document: a caller must not be able
        to turn a validator's mistake into a fault of the server. Our own errors and HTTP errors pass.
        """
        if self._quickly is not None:
            with suppress(Exception):  # whatever it is, marshmallow says it in its own words
                return self._quickly(document), ()
        try:
            return self._schema.load(document), ()
        except ValidationError as error:
            found = _flattened(error.messages, "", self._schema)
            return None, tuple(islice(found, FLAWS_AT_MOST)) or (Flaw("", "Not valid."),)
        except (APIGuardError, HTTPException):
            raise
        except Exception:
            logger.exception("The schema %s failed on a document", type(self._schema).__name__)
            return None, (Flaw("", "Can not be read by the schema."),)

    def dump(self, value: Any) -> tuple[Any, tuple[Flaw, ...]]:
        """What goes out for a view's value, or None and the flaws. See :mod:`.marshmallow_dump` for what is checked."""
        return self._outgoing.dump(value)

    def check(self, document: Any) -> tuple[Any, tuple[Flaw, ...]]:
        """The same for a document that is JSON already: undeclared members dropped, the others checked."""
        return self._outgoing.check(document)

    def describe(self) -> dict[str, Any]:
        """The schema as JSON Schema 2020-12, by apispec; nested schemas stand under ``$defs``."""
        from apispec import APISpec
        from apispec.ext.marshmallow import MarshmallowPlugin

        one = copy.copy(self._schema)
        one.many = False
        spec = APISpec("schema", "1", "3.1.0", plugins=[MarshmallowPlugin()])
        spec.components.schema("This", schema=one)
        parts = _pointed_at_defs(spec.components.to_dict()["schemas"])
        described = parts.pop("This")
        if self._schema.unknown != EXCLUDE:
            described.setdefault("additionalProperties", self._schema.unknown != "raise")
        if self._schema.many:
            described = {"type": "array", "items": described}
        described["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        if parts:
            described["$defs"] = parts
        return dict(described)


class _OwnDump:
    """A schema class with a ``dump`` of its own: its result is judged by its own ``validate``, slower but truly."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def dump(self, value: Any) -> tuple[Any, tuple[Flaw, ...]]:
        try:
            return self.check(self._schema.dump(value))
        except ValidationError as error:
            return None, tuple(islice(_flattened(error.messages, "", self._schema), FLAWS_AT_MOST))

    def check(self, document: Any) -> tuple[Any, tuple[Flaw, ...]]:
        flaws = tuple(islice(_flattened(self._schema.validate(document), "", self._schema), FLAWS_AT_MOST))
        return (None, flaws) if flaws else (document, ())


def _key(name: str, field: fields.Field[Any]) -> str:
    return field.data_key if field.data_key is not None else name


def _pointed_at_defs(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {name: _pointed_at_defs(value) for name, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_pointed_at_defs(value) for value in node]
    if isinstance(node, str):
        return node.replace("#/components/schemas/", "#/$defs/")
    return node


def _flattened(messages: Any, pointer: str, at: Any) -> Iterator[Flaw]:
    """marshmallow's nested messages as flaws. ``at`` is the schema or field they belong to, None where unknown."""
    if isinstance(messages, Mapping):
        for name, below in messages.items():
            if name == _OWN:
                yield from _flattened(below, pointer, None)
            elif isinstance(at, fields.Mapping) and isinstance(below, Mapping):
                # marshmallow puts the words "key" and "value" between a mapping's member and its messages.
                yield from _flattened(below.get("key", ()), extended(pointer, name), None)
                yield from _flattened(below.get("value", ()), extended(pointer, name), at.value_field)
            elif isinstance(at, fields.Pluck):
                yield from _flattened(below, pointer if isinstance(name, str) else extended(pointer, name), at)
            else:
                yield from _flattened(below, extended(pointer, name), _below(at, name))
    elif isinstance(messages, (list, tuple)):
        for message in messages:
            yield from _flattened(message, pointer, at)
    else:
        yield Flaw(pointer, str(messages))


def _below(at: Any, name: Any) -> Any:
    if isinstance(at, fields.List):
        return at.inner
    if isinstance(at, fields.Nested):
        at = at.schema
    if isinstance(at, Schema):
        if isinstance(name, int):
            return at
        return next((field for own, field in at.load_fields.items() if _key(own, field) == name), None)
    return None
