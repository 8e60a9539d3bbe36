"""What goes out through a marshmallow schema, dumped and checked in one pass.

marshmallow's own ``dump`` validates nothing, and loading what was dumped costs three times as much as dumping it. So
the fields are compiled once into a plan that dumps each value and checks it on the way:

- a required field (without ``dump_default``) is there, and only ``allow_none`` fields are null;
- the value has the field's type: what cannot be formatted as such is a flaw, and so are NaN and infinity;
- the field's validators pass, on the value as they would see it after a load;
- the same within nested schemas and lists, each flaw with its JSON Pointer;
- names the schema does not declare are left out, without a flaw: that is how a view masks what it holds.

A field of a class that the plan does not know is dumped by its own ``_serialize`` and checked by handing the result to
its own ``deserialize``: slower, and exactly what a load would say. ``pre_dump`` and ``post_dump`` run; what a
``post_dump`` adds is not checked. ``@validates`` and ``@validates_schema`` do not run: they are written for loaded
input and may look things up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, missing

from ..errors import FLAWS_AT_MOST
from ..values import Flaw
from .marshmallow_fields import KNOWN, WRONG, Step, Wrong, each, inner, judged, texts, unknown, validated
from .strict import extended


class Outgoing:
    """The plan of one schema: ``dump`` for a view's value, ``check`` for a document that is JSON already."""

    def __init__(self, schema: Schema, known: dict[int, Outgoing] | None = None) -> None:
        known = {} if known is None else known
        known[id(schema)] = self
        self._schema = schema
        self._many = schema.many
        self._before = bool(schema._hooks["pre_dump"])
        self._after = bool(schema._hooks["post_dump"])
        own = type(schema).get_attribute is not Schema.get_attribute
        self._fields = [_Field(name, field, schema, own, known) for name, field in schema.dump_fields.items()]

    def dump(self, value: Any) -> tuple[Any, tuple[Flaw, ...]]:
        """The document and no flaws, or None and the flaws."""
        return _told(self.dumped, value)

    def check(self, document: Any) -> tuple[Any, tuple[Flaw, ...]]:
        """The document without undeclared members and no flaws, or None and the flaws."""
        return _told(self.checked, document)

    def dumped(self, value: Any, many: bool | None = None) -> Any:
        """Dump, or raise :class:`Wrong`."""
        many = self._many if many is None else many
        original = value
        if self._before:
            value = self._schema._invoke_dump_processors("pre_dump", value, many=many, original_data=original)
        document = each(self._one, value, "Not a list.") if many else self._one(value)
        if self._after:
            return self._schema._invoke_dump_processors("post_dump", document, many=many, original_data=original)
        return document

    def checked(self, document: Any, many: bool | None = None) -> Any:
        """Check, or raise :class:`Wrong`."""
        many = self._many if many is None else many
        return each(self._one_checked, document, "Not a list.") if many else self._one_checked(document)

    def _one(self, value: Any) -> dict[str, Any]:
        if isinstance(value, (str, bytes, int, float, list, tuple)) or value is None:
            raise Wrong([("", "Not an object.")])
        document: dict[str, Any] = {}
        flaws: list[tuple[str, str]] = []
        plain = value if type(value) is dict else None
        for field in self._fields:
            found = plain.get(field.attribute, missing) if plain is not None and field.direct else field.read(value)
            if found is missing:
                found = field.default() if callable(field.default) else field.default
            if found is missing:
                if field.required:
                    flaws.append((field.tail, "Missing data for required field."))
                continue
            try:
                document[field.key] = field.dumped(found)
            except (Wrong, ValidationError, *WRONG) as error:
                flaws.extend(field.told(error))
        if flaws:
            raise Wrong(flaws)
        return document

    def _one_checked(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise Wrong([("", "Not an object.")])
        document: dict[str, Any] = {}
        flaws: list[tuple[str, str]] = []
        for field in self._fields:
            found = value.get(field.key, missing)
            if found is missing:
                if field.required:
                    flaws.append((field.tail, "Missing data for required field."))
                continue
            try:
                document[field.key] = field.checked(found)
            except (Wrong, ValidationError, *WRONG) as error:
                flaws.extend(field.told(error))
        if flaws:
            raise Wrong(flaws)
        return document


class _Field:
    """One field of a plan: where its value is found, under which name it goes out, and how it is dumped or checked."""

    __slots__ = (
        "_checks",
        "_dumps",
        "_field",
        "_name",
        "_owner",
        "attribute",
        "default",
        "direct",
        "key",
        "nullable",
        "required",
        "tail",
    )

    def __init__(self, name: str, field: Any, schema: Schema, own_access: bool, known: dict[int, Outgoing]) -> None:
        self._name = name
        self._field = field
        self._owner = schema
        self.attribute = name if field.attribute is None else field.attribute
        self.key = field.data_key if field.data_key is not None else name
        self.tail = extended("", self.key)
        self.default = field.dump_default
        partial = schema.partial
        self.required = field.required and not (partial is True or (partial and name in partial))
        self.nullable = field.allow_none
        self._dumps, self._checks = steps(field, name, known)
        computed = not field._CHECK_ATTRIBUTE
        self.direct = not (own_access or computed or "." in str(self.attribute))

    def read(self, value: Any) -> Any:
        """Where a plain look-up in a dict does not do: objects, dotted attributes, the schema's own access, methods."""
        if not self._field._CHECK_ATTRIBUTE:
            return self._field.serialize(self._name, value, accessor=self._owner.get_attribute)
        return self._owner.get_attribute(value, self.attribute, missing)

    def dumped(self, value: Any) -> Any:
        """The value as it goes out."""
        if value is None:
            return self._null()
        return self._dumps(value)

    def checked(self, value: Any) -> Any:
        """A JSON value as it goes out."""
        if value is None:
            return self._null()
        return self._checks(value)

    def _null(self) -> None:
        if not self.nullable:
            raise ValidationError(self._field.error_messages["null"])

    def told(self, error: Exception) -> list[tuple[str, str]]:
        """An error of this field as flaws relative to its object."""
        if isinstance(error, Wrong):
            return [(self.tail + tail, detail) for tail, detail in error.flaws]
        if isinstance(error, ValidationError):
            return [(self.tail, message) for message in texts(error.messages)]
        return [(self.tail, f"Not a valid {type(self._field).__name__.lower()}.")]


def steps(field: Any, name: str, known: dict[int, Outgoing]) -> tuple[Step, Step]:
    """How values of a field are dumped and how they are checked when they are JSON already."""
    kind = type(field)
    if kind is fields.Nested:
        return _nested(field, known)
    if kind is fields.List:
        dumps, checks = steps(field.inner, name, known)
        one, other = inner(field.inner, dumps), inner(field.inner, checks)
        return validated(lambda value: each(one, value, "Not a valid list."), field, before=True), validated(
            lambda value: each(other, value, "Not a valid list."), field, before=True
        )
    if (
        not field._CHECK_ATTRIBUTE
    ):  # methods and functions: `read` has computed what goes out, and only a load can judge
        return judged(field, name), judged(field, name)
    return KNOWN.get(kind, unknown)(field, name), judged(field, name)


def _nested(field: Any, known: dict[int, Outgoing]) -> tuple[Step, Step]:
    schema = field.schema
    plan = known.get(id(schema)) or _find_alike(schema, known) or Outgoing(schema, known)
    many = bool(schema.many or field.many)
    return (
        validated(lambda value: plan.dumped(value, many), field),
        validated(lambda value: plan.checked(value, many), field),
    )


def _find_alike(schema: Schema, known: dict[int, Outgoing]) -> Outgoing | None:
    """The plan of an equal schema further up, so that a schema that nests itself ends."""
    for plan in known.values():
        other = plan._schema
        if type(other) is type(schema) and all(
            getattr(other, name) == getattr(schema, name) for name in ("only", "exclude", "load_only", "dump_only")
        ):
            return plan
    return None


def _told(step: Step, value: Any) -> tuple[Any, tuple[Flaw, ...]]:
    try:
        return step(value), ()
    except Wrong as error:
        return None, tuple(Flaw(tail, detail) for tail, detail in error.flaws[:FLAWS_AT_MOST])
    except RecursionError:
        return None, (Flaw("", "Nested in itself."),)
