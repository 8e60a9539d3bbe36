"""From an endpoint's schema: a document that fits, and for every field values that don't."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from joserfc import jwk
from marshmallow import Schema, fields

from flask_apiguard.api.fields import (
    Choice,
    Email,
    Flag,
    Id,
    Line,
    Moment,
    Password,
    Prose,
    Secret,
    Several,
    TableOf,
    Whole,
)
from flask_apiguard.api.public_keys import Jwk
from flask_apiguard.api.table import Endpoint

#: A moment that is neither over nor too far away for anything, on whatever day this runs.
LATER = f"{dt.datetime.now(dt.UTC) + dt.timedelta(days=60):%Y-%m-%dT12:00:00Z}"
TEXTS: dict[type, str] = {Email: "somebody@else.example", Moment: LATER, Password: "the orders of the day"}


def good(schema: type[Schema] | None) -> dict[str, Any]:
    """The smallest document that the schema takes."""
    if schema is None:
        return {}
    return {name: _good(one) for name, one in schema().load_fields.items() if one.required}


def _good(field: Any) -> Any:
    if isinstance(field, Flag):
        return True
    if isinstance(field, Jwk):
        return jwk.ECKey.generate_key("P-256").as_dict(private=False)
    if isinstance(field, Choice):
        return field.validators[0].choices[0]  # type: ignore[attr-defined]
    if type(field) in TEXTS:
        return TEXTS[type(field)]
    if isinstance(field, Whole):
        return field.validators[0].min  # type: ignore[attr-defined]
    if isinstance(field, Several):
        return [_good(field.inner)]
    if isinstance(field, TableOf):
        return {}
    if isinstance(field, fields.Nested):
        return {**good(field.nested), "quota": 5}  # type: ignore[arg-type]
    return "something"


def bad(schema: type[Schema]) -> Iterator[dict[str, Any]]:
    """Documents in which no field fits: each field in turn with every wrong type, length, character and range."""
    values = {name: _bad(field) for name, field in schema().load_fields.items()}
    for turn in range(max(map(len, values.values()))):
        yield {name: several[turn % len(several)] for name, several in values.items()}


def _bad(field: Any) -> list[Any]:
    values: list[Any] = [[[]], {"a": {"b": 1}}, 1.5, -1]
    if not field.allow_none:
        values.append(None)
    if not isinstance(field, Flag):
        values.append(True)
    values += [{"kty": 1}, {"kty": "EC", **dict.fromkeys("abcdefghijklmnopqrstuv", "x")}] if _is_jwk(field) else []
    if isinstance(field, (Choice, Email, Id, Moment, Whole, Flag, Several, TableOf)):
        values += ["", "☃\u202e", "a\x00b", "a" * 5000, "x y\nz"]
    elif isinstance(field, Line):
        values += ["a" * 5000, "a\x00b", "a\nb", "\x1b[0m"]
    elif isinstance(field, (Prose, Secret)):
        values += ["a" * 6000]
    if isinstance(field, Prose):
        values += ["a\x00b", "\x07"]
    if isinstance(field, Several):
        values += [["a"] * 1001, [None], [{}], "text"]
        values.remove([[]]) if isinstance(field.inner, fields.Nested) else None
    if isinstance(field, TableOf):
        values = [one for one in values if one != {"a": {"b": 1}}] + [{"a b": "c"}, {"a": 5}, {"a": {"b": 1}}]
    if isinstance(field, Whole):
        values += [10**16, "5"]
    return values


def _is_jwk(field: Any) -> bool:
    return isinstance(field, Jwk)


def filled(endpoint: Endpoint, **ids: str) -> str:
    """The endpoint's address with these ids; absent ones are made up."""
    path = endpoint.path
    for name in [part.partition(">")[0] for part in path.split("<")[1:]]:
        path = path.replace(f"<{name}>", ids.get(name, f"absent_{name}"))
    return path
