"""The quick way in through a schema: what it returns, marshmallow returns; what it does not, marshmallow judges."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import EXCLUDE, INCLUDE, Schema, ValidationError, fields, post_load, pre_load, validate, validates

from flask_apiguard.schemas.marshmallow_kind import MarshmallowKind
from flask_apiguard.schemas.marshmallow_load import plan


class Shouted(fields.String):
    """A field that reads in its own way."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        return f"{super()._deserialize(value, attr, data, **kwargs).upper()} {attr} {sorted(data or ())}"


class Line(Schema):
    sku = fields.String(required=True, validate=validate.Regexp(r"[A-Z]{2}-[0-9]"))
    quantity = fields.Integer(load_default=1, validate=validate.Range(1, 9))


class Lax(Schema):
    class Meta:
        unknown = EXCLUDE

    city = fields.String()


class Order(Schema):
    reference = fields.String(required=True, validate=[validate.Length(1, 8), validate.ContainsNoneOf("!")])
    count = fields.Integer(strict=True)
    total = fields.Float(allow_none=True)
    express = fields.Boolean()
    legal = fields.Boolean(truthy={"yes"}, falsy={"no"})
    mail = fields.Email()
    renamed = fields.String(data_key="re-named", attribute="other")
    made = fields.Integer(load_default=lambda: 7)
    shout = Shouted()
    price = fields.Decimal()
    lines = fields.List(fields.Nested(Line), validate=validate.Length(max=3))
    tags = fields.List(fields.String(allow_none=True))
    shouts = fields.List(Shouted())
    many = fields.Nested(Line, many=True)
    address = fields.Nested(Lax, allow_none=True)
    loose = fields.Nested(Line, unknown=INCLUDE)


class Tree(Schema):
    name = fields.String(required=True)
    below = fields.List(fields.Nested(lambda: Tree()))


NAMES = ("reference", "count", "total", "express", "legal", "mail", "re-named", "made", "shout", "price", "lines")
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 12), st.floats(), st.text("aA!-19", max_size=9), st.just("a@b.example")
)
LINE = st.dictionaries(st.sampled_from(("sku", "quantity", "else")), ODD | st.just("AB-1"), max_size=3)
VALUE = st.one_of(ODD, LINE, st.lists(ODD | LINE, max_size=4))
DOCUMENT = st.dictionaries(
    st.sampled_from((*NAMES, "tags", "shouts", "many", "address", "loose", "unknown")), VALUE, max_size=9
).map(lambda found: {"reference": "abc"} | found)


def outcome(load: Any, document: Any) -> Any:
    try:
        return repr(load(document))
    except ValidationError as error:
        return error.normalized_messages()


@given(DOCUMENT | VALUE)
def test_the_quick_way_returns_what_marshmallow_returns_or_nothing(document: Any) -> None:
    quick = plan(Order())
    assert quick is not None
    try:
        found = repr(quick(document))
    except Exception:  # not plainly right: marshmallow's to say
        return
    assert found == outcome(Order().load, document)


@given(DOCUMENT | VALUE)
def test_what_comes_of_a_document_is_marshmallow_s_judgement(document: Any) -> None:
    value, flaws = MarshmallowKind().compile(Order).load(document)
    expected = outcome(Order().load, document)
    if flaws:
        assert isinstance(expected, dict)
    else:
        assert repr(value) == expected


def test_a_plainly_right_document_goes_the_quick_way() -> None:
    document = {
        "reference": "abc", "count": 3, "total": 2, "express": True, "mail": "a@b.example", "re-named": "x",
        "shout": "hey", "lines": [{"sku": "AB-1"}], "tags": ["a", None], "address": {"city": "Leeds", "else": 1},
    }  # fmt: skip
    quick = plan(Order())
    assert quick is not None
    assert quick(document) == Order().load(document)
    assert list(quick(document)) == list(Order().load(document)), "in the same order"


def test_a_schema_that_nests_itself_has_an_end() -> None:
    tree = {"name": "a", "below": [{"name": "b", "below": [{"name": "c"}]}]}
    quick = plan(Tree())
    assert quick is not None
    assert quick(tree) == Tree().load(tree)


class Before(Schema):
    name = fields.String()

    @pre_load
    def strip(self, data: Any, **_: Any) -> Any:
        return {"name": data["name"].strip()}


class After(Schema):
    name = fields.String()

    @post_load
    def make(self, data: Any, **_: Any) -> Any:
        return tuple(data.items())


class Asked(Schema):
    name = fields.String()

    @validates("name")
    def not_bad(self, value: str, data_key: str) -> None:
        if value == "bad":
            raise ValidationError("Bad.")


class Own(Schema):
    name = fields.String()

    def load(self, *arguments: Any, **options: Any) -> Any:
        return "own"


@pytest.mark.parametrize(
    "schema",
    [
        Before(),
        After(),
        Asked(),
        Own(),
        Line(many=True),
        Line(partial=True),
        Line(partial=("sku",)),
        Line(unknown=INCLUDE),
    ],
    ids=repr,
)
def test_a_schema_with_a_way_of_its_own_is_left_to_it(schema: Schema) -> None:
    assert plan(schema) is None


def test_a_nested_schema_with_hooks_keeps_them() -> None:
    class Outer(Schema):
        inner = fields.Nested(Before)

    assert MarshmallowKind().compile(Outer).load({"inner": {"name": " a "}}) == ({"inner": {"name": "a"}}, ())
