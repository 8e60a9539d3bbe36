"""The quick way in through a marshmallow schema, for documents that are as the schema wants them.

marshmallow makes a closure, an error store and a set of names for every object that it loads; for a document without
a flaw nothing of that is needed. So the fields are compiled once into a plan that goes through a document and stops
at whatever is not plainly right: a flaw, a value that must be converted, a failing validator. What is to be said then
is marshmallow's own to say, which loads the document from the start. A schema with hooks, or with a ``load`` of its
own, has no plan; a field of a class that the plan does not know is asked by its own ``deserialize``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from marshmallow import EXCLUDE, RAISE, Schema, fields, missing

#: Gets a value and the object it stands in.
Step = Callable[[Any, Any], Any]
_HOOKS = ("pre_load", "post_load", "validates", "validates_schema")
_OWN = ("load", "_do_load", "_deserialize", "_invoke_field_validators")


class Unsure(Exception):
    """This document is not plainly right: marshmallow itself loads it."""


class _Entry(NamedTuple):
    """One field: its name in the document, its key in the value, and what stands for it when it is missing."""

    name: str
    key: str
    step: Step
    default: Any
    required: bool
    nullable: bool


def plan(schema: Schema) -> Callable[[Any], Any] | None:
    """What loads plainly right documents and raises, whatever it raises, at any other; None where there is no such way.

    What it returns, ``schema.load`` returns.
    """
    return None if schema.many else _object(schema, schema.unknown, ())


def _object(schema: Schema, unknown: str, above: tuple[type, ...]) -> Callable[[Any], Any] | None:
    if unknown not in (RAISE, EXCLUDE) or not _has_no_way_of_its_own(schema):
        return None
    entries = [_entry(name, field, (*above, type(schema))) for name, field in schema.load_fields.items()]
    if any("." in entry.key for entry in entries):  # set deeper within the value
        return None
    return _loader(entries, strict=unknown == RAISE)


def _has_no_way_of_its_own(schema: Schema) -> bool:
    plain = all(getattr(type(schema), name) is getattr(Schema, name) for name in _OWN)
    return plain and schema.dict_class is dict and not schema.partial and not any(schema._hooks[one] for one in _HOOKS)


def _loader(entries: list[_Entry], strict: bool) -> Callable[[Any], Any]:
    def load(document: Any) -> dict[str, Any]:
        if type(document) is not dict:
            raise Unsure
        value, found = {}, 0
        for name, key, step, default, required, nullable in entries:
            given = document.get(name, missing)
            if given is missing:
                if required:
                    raise Unsure
                if default is not missing:
                    value[key] = default() if callable(default) else default
                continue
            found += 1
            if given is not None:
                value[key] = step(given, document)
            elif nullable:
                value[key] = None
            else:
                raise Unsure
        if strict and found != len(document):
            raise Unsure
        return value

    return load


def _entry(name: str, field: Any, above: tuple[type, ...]) -> _Entry:
    shown = field.data_key if field.data_key is not None else name
    return _Entry(
        shown, field.attribute or name, _step(field, shown, above), field.load_default, field.required, field.allow_none
    )


def _step(field: Any, name: str | None, above: tuple[type, ...]) -> Step:
    """How a value that is there and not null is loaded."""
    make = None if field.pre_load or field.post_load else _KNOWN.get(type(field))
    made = None if make is None else make(field, above)
    if made is None:
        return lambda value, document: field.deserialize(value, name, document)
    validators = tuple(field.validators)
    if not validators:
        return made

    def step(value: Any, document: Any) -> Any:
        output = made(value, document)
        for validate in validators:
            validate(output)
        return output

    return step


def _string(_field: Any, _above: tuple[type, ...]) -> Step:
    def step(value: Any, _document: Any) -> str:
        if type(value) is not str:
            raise Unsure
        return value

    return step


def _integer(_field: Any, _above: tuple[type, ...]) -> Step:
    def step(value: Any, _document: Any) -> int:
        if type(value) is not int:
            raise Unsure
        return value

    return step


def _float(_field: Any, _above: tuple[type, ...]) -> Step:
    def step(value: Any, _document: Any) -> float:
        if type(value) is int:
            return float(value)
        if type(value) is not float or not math.isfinite(value):
            raise Unsure
        return value

    return step


def _boolean(field: Any, _above: tuple[type, ...]) -> Step | None:
    if True not in field.truthy or False in field.truthy or False not in field.falsy:
        return None

    def step(value: Any, _document: Any) -> bool:
        if value is not True and value is not False:
            raise Unsure
        return bool(value)

    return step


def _nested(field: Any, above: tuple[type, ...]) -> Step | None:
    schema = field.schema
    if schema.many or field.many or type(schema) in above:  # a schema that nests itself would have no end
        return None
    load = _object(schema, schema.unknown if field.unknown is None else field.unknown, above)
    return None if load is None else lambda value, _document: load(value)


def _list(field: Any, above: tuple[type, ...]) -> Step:
    inner, nullable = _step(field.inner, None, above), field.inner.allow_none

    def step(value: Any, _document: Any) -> list[Any]:
        if type(value) is not list or (not nullable and any(one is None for one in value)):
            raise Unsure
        return [None if one is None else inner(one, None) for one in value]

    return step


#: These classes and no subclass of theirs, which may read in its own way.
_KNOWN: dict[type, Callable[[Any, tuple[type, ...]], Step | None]] = {
    fields.Boolean: _boolean,
    fields.Email: _string,
    fields.Float: _float,
    fields.Integer: _integer,
    fields.List: _list,
    fields.Nested: _nested,
    fields.String: _string,
    fields.Url: _string,
}
