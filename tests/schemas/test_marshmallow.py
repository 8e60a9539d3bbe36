"""marshmallow schemas, both ways: every flaw with its pointer, nothing undeclared out."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import logging
import uuid
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import EXCLUDE, Schema, fields, post_dump, post_load, pre_dump, validate, validates_schema

from flask_apiguard.errors import FLAWS_AT_MOST, ConfigurationError, Denied
from flask_apiguard.schemas.marshmallow_kind import MarshmallowKind
from flask_apiguard.values import Decision, Reason


class Colour(enum.Enum):
    RED = 1


class Address(Schema):
    street = fields.Str(required=True, validate=validate.Length(max=40))
    zip = fields.Str(required=True, data_key="zip/code", validate=validate.Regexp(r"^\d{5}$"))


class Order(Schema):
    id = fields.Int(dump_only=True, required=True)
    secret = fields.Str(load_only=True)
    quantity = fields.Int(required=True, validate=validate.Range(1, 100))
    price = fields.Float()
    tags = fields.List(fields.Str(validate=validate.Length(max=5)), validate=validate.Length(max=3))
    address = fields.Nested(Address)
    lines = fields.List(fields.Nested(Address))
    others = fields.Nested(Address, many=True)
    extra = fields.Dict(keys=fields.Str(), values=fields.Int())
    note = fields.Str(allow_none=True)
    paid = fields.Bool()


class Everything(Schema):
    when = fields.DateTime(validate=validate.Range(min=dt.datetime(2000, 1, 1, tzinfo=dt.UTC)))
    day = fields.Date()
    at = fields.Time()
    key = fields.UUID()
    colour = fields.Enum(Colour)
    money = fields.Decimal(places=2, as_string=True)
    site = fields.Url()
    mail = fields.Email()
    count = fields.Int(as_string=True)
    span = fields.TimeDelta()
    address = fields.IP()
    pair = fields.Tuple((fields.Str(), fields.Int()))
    anything = fields.Raw()
    told = fields.Method("tell")
    made = fields.Function(lambda obj: obj["count"] + 1)
    fixed = fields.Constant("x")
    street = fields.Pluck(Address, "street")

    def tell(self, obj: Any) -> str:
        return f"{obj['count']} things"


def compiled(schema: Any) -> Any:
    return MarshmallowKind().compile(schema)


def pointers(found: tuple[Any, tuple[Any, ...]]) -> list[str]:
    value, flaws = found
    assert value is None
    return [flaw.pointer for flaw in flaws]


GOOD = {"id": 7, "quantity": 3, "tags": ["a"], "note": None, "paid": True, "address": {"street": "x", "zip": "12345"}}


def test_it_owns_classes_and_instances_and_nothing_else() -> None:
    kind = MarshmallowKind()
    assert kind.owns(Order)
    assert kind.owns(Order())
    assert not kind.owns({"type": "object"})
    assert not kind.owns(dict)


def test_a_schema_that_nests_what_does_not_exist_is_an_error_at_start() -> None:
    with pytest.raises(ConfigurationError, match="Broken"):
        compiled(Schema.from_dict({"x": fields.Nested("NowhereToBeFound")}, name="Broken"))


def test_every_flaw_of_a_document_comes_at_once_with_its_pointer() -> None:
    document = {
        "quantity": 0,
        "tags": ["ok", "far too long", 3],
        "address": {"street": "x" * 41, "zip/code": "1"},
        "lines": [{"street": "a", "zip/code": "12345"}, {"street": 1}],
        "others": [{}],
        "extra": {"a/b": "x", "fine": 1},
        "unknown~": 1,
    }
    found = pointers(compiled(Order).load(document))
    assert sorted(found) == sorted(
        [
            "/quantity",
            "/tags/1",
            "/tags/2",
            "/address/street",
            "/address/zip~1code",
            "/lines/1/street",
            "/lines/1/zip~1code",
            "/others/0/street",
            "/others/0/zip~1code",
            "/extra/a~1b",
            "/unknown~0",
        ]
    )


def test_over_posting_is_refused_for_unknown_and_for_dump_only_fields() -> None:
    assert set(pointers(compiled(Order).load({"quantity": 1, "id": 5, "is_admin": True}))) == {"/id", "/is_admin"}


def test_a_schema_that_says_exclude_itself_is_obeyed() -> None:
    assert compiled(Address(unknown=EXCLUDE)).load({"street": "x", "zip/code": "12345", "y": 1})[1] == ()


def test_many_is_supported_both_ways() -> None:
    many = compiled(Address(many=True))
    assert many.load([{"street": "x", "zip/code": "12345"}]) == ([{"street": "x", "zip": "12345"}], ())
    assert pointers(many.load([{"street": "x", "zip/code": "12345"}, {}])) == ["/1/street", "/1/zip~1code"]
    assert many.dump([{"street": "x", "zip": "12345"}]) == ([{"street": "x", "zip/code": "12345"}], ())
    assert pointers(many.dump([{"street": "x"}])) == ["/0/zip~1code"]
    assert pointers(many.dump({"street": "x"})) == [""]


def test_flaws_are_bounded_both_ways() -> None:
    assert len(compiled(Order).load({str(number): 1 for number in range(500)})[1]) == FLAWS_AT_MOST
    assert len(compiled(Address(many=True)).dump([{}] * 500)[1]) == FLAWS_AT_MOST


def test_a_validator_that_breaks_on_a_document_refuses_it_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Odd(Schema):
        x = fields.Raw(validate=lambda value: value["a"])

    with caplog.at_level(logging.ERROR):
        assert pointers(compiled(Odd).load({"x": 1})) == [""]
    assert "Odd" in caplog.text


def test_our_own_refusals_pass_through_a_schemas_hooks() -> None:
    class Asking(Schema):
        @validates_schema
        def ask(self, data: Any, **kwargs: Any) -> None:
            raise Denied(Decision(False, Reason.SCOPE_MISSING))

    with pytest.raises(Denied):
        compiled(Asking).load({})


def test_post_load_objects_reach_the_view() -> None:
    class Made(Schema):
        x = fields.Int()

        @post_load
        def make(self, data: dict[str, Any], **kwargs: Any) -> tuple[int]:
            return (data["x"],)

    assert compiled(Made).load({"x": 1}) == ((1,), ())


def test_what_the_schema_does_not_declare_never_leaves() -> None:
    document, flaws = compiled(Order).dump({**GOOD, "password": "p", "secret": "s"})
    assert flaws == ()
    assert "password" not in document
    assert "secret" not in document
    assert document["address"] == {"street": "x", "zip/code": "12345"}


def test_what_goes_out_is_checked_field_by_field() -> None:
    bad = {
        "quantity": 101,
        "price": float("nan"),
        "tags": ["fine", None, "far too long"],
        "address": {"street": None},
        "lines": [{"street": "x", "zip": "12345"}, "x"],
        "extra": {"a": "x"},
        "paid": "yes",
    }
    assert pointers(compiled(Order).dump(bad)) == (
        [
            "/id",
            "/quantity",
            "/price",
            "/tags/1",
            "/tags/2",
            "/address/street",
            "/address/zip~1code",
            "/lines/1",
            "/extra",
            "/paid",
        ]
    )


@pytest.mark.parametrize("value", [None, "text", 3, ["x"]])
def test_what_is_no_object_is_a_flaw(value: object) -> None:
    assert pointers(compiled(Order).dump(value)) == [""]


def test_objects_are_dumped_like_mappings_and_null_needs_permission() -> None:
    class Row:
        street = "x"
        zip = "12345"

    assert compiled(Address).dump(Row()) == ({"street": "x", "zip/code": "12345"}, ())
    row = Row()
    row.zip = None  # type: ignore[assignment]
    assert pointers(compiled(Address).dump(row)) == ["/zip~1code"]


def test_every_field_class_goes_out_as_marshmallow_writes_it() -> None:
    value = {
        "when": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        "day": dt.date(2026, 1, 2),
        "at": dt.time(1, 2),
        "key": uuid.UUID(int=1),
        "colour": Colour.RED,
        "money": decimal.Decimal("1.005"),
        "site": "https://a.example/",
        "mail": "a@b.example",
        "count": 3,
        "span": dt.timedelta(seconds=2),
        "address": ipaddress.ip_address("192.0.2.1"),
        "pair": ("a", 1),
        "anything": [{"x": None}],
        "street": {"street": "x"},
    }
    document, flaws = compiled(Everything).dump(value)
    assert flaws == ()
    assert document == Everything().dump(value)
    assert compiled(Everything).check(document) == (document, ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("when", "2026-01-02"),
        ("when", dt.datetime(1999, 1, 1, tzinfo=dt.UTC)),
        ("day", 3),
        ("key", "no"),
        ("colour", "RED"),
        ("money", "x"),
        ("money", decimal.Decimal("NaN")),
        ("site", "nowhere"),
        ("mail", "x"),
        ("count", "x"),
        ("address", "x"),
        ("pair", ("a",)),
        ("anything", float("inf")),
    ],
)
def test_a_value_of_the_wrong_kind_is_a_flaw_at_its_field(name: str, value: object) -> None:
    plan = compiled(Everything(only=(name,)))
    assert pointers(plan.dump({name: value})) == [f"/{name}"]


def test_a_mistake_in_the_hosts_own_method_is_not_hidden_as_a_flaw() -> None:
    with pytest.raises(KeyError):
        compiled(Everything(only=("told",))).dump({})


def test_pre_dump_and_post_dump_run() -> None:
    class Wrapped(Schema):
        x = fields.Int(required=True)

        @pre_dump
        def before(self, value: int, **kwargs: Any) -> dict[str, int]:
            return {"x": value}

        @post_dump(pass_collection=True)
        def after(self, document: Any, **kwargs: Any) -> dict[str, Any]:
            return {"data": document}

    assert compiled(Wrapped).dump(3) == ({"data": {"x": 3}}, ())
    assert pointers(compiled(Wrapped(many=True)).dump([3, "x"])) == ["/1/x"]


def test_a_schema_with_a_dump_of_its_own_is_judged_by_its_own_validate() -> None:
    class Own(Schema):
        x = fields.Int(required=True)

        def dump(self, obj: Any, *, many: bool | None = None) -> Any:
            return {"x": obj}

    assert compiled(Own).dump(3) == ({"x": 3}, ())
    assert pointers(compiled(Own).dump("no")) == ["/x"]


class Tree(Schema):
    name = fields.Str(required=True)
    children = fields.List(fields.Nested(lambda: Tree()))


def test_a_schema_may_nest_itself_and_data_that_does_is_a_flaw() -> None:
    tree = {"name": "a", "children": [{"name": "b", "children": []}], "x": 1}
    assert compiled(Tree).dump(tree) == ({"name": "a", "children": [{"name": "b", "children": []}]}, ())
    assert pointers(compiled(Tree).dump({"name": "a", "children": [{}]})) == ["/children/0/name"]
    endless: dict[str, Any] = {"name": "a"}
    endless["children"] = [endless]
    assert pointers(compiled(Tree).dump(endless)) == [""]


def test_get_attribute_partial_defaults_and_dotted_attributes_are_honoured() -> None:
    class Upper(Schema):
        x = fields.Str(required=True)
        y = fields.Str(attribute="a.b")
        z = fields.Int(dump_default=lambda: 5)

        def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
            return super().get_attribute(obj, attr, default)

    assert compiled(Upper).dump({"x": "1", "a": {"b": "2"}}) == ({"x": "1", "y": "2", "z": 5}, ())
    assert compiled(Upper(partial=True)).dump({}) == ({"z": 5}, ())


def test_a_document_that_is_json_already_is_checked_and_masked() -> None:
    document = {"id": 1, "quantity": 2, "password": "p", "address": {"street": "x", "zip/code": "12345", "y": 1}}
    assert compiled(Order).check(document) == (
        {"id": 1, "quantity": 2, "address": {"street": "x", "zip/code": "12345"}},
        (),
    )
    assert pointers(compiled(Order).check({"id": 1, "quantity": 0, "address": {}})) == [
        "/quantity",
        "/address/street",
        "/address/zip~1code",
    ]
    assert pointers(compiled(Order).check([])) == [""]


@given(
    st.fixed_dictionaries(
        {"quantity": st.integers(-5, 105)},
        optional={
            "price": st.floats(),
            "tags": st.lists(st.text(max_size=7) | st.none(), max_size=5),
            "note": st.none() | st.text(),
            "paid": st.booleans() | st.none(),
            "address": st.fixed_dictionaries({"street": st.text(max_size=50), "zip": st.sampled_from(["12345", "1"])}),
        },
    )
)
def test_what_goes_out_without_flaws_would_load_again_and_what_has_flaws_would_not(value: dict[str, Any]) -> None:
    document, flaws = compiled(Order(exclude=("id",))).dump(value)
    plain = Order(exclude=("id",))
    assert bool(flaws) == bool(plain.validate(plain.dump(value)))
    if not flaws:
        assert document == plain.dump(value)


def test_the_description_is_a_json_schema_that_stands_alone() -> None:
    described = compiled(Order(many=True)).describe()
    jsonschema.Draft202012Validator.check_schema(described)
    check = jsonschema.Draft202012Validator(described)
    assert check.is_valid([{"id": 1, "quantity": 3, "address": {"street": "x", "zip/code": "12345"}}])
    assert not check.is_valid([{"id": 1, "quantity": 3, "address": {}}])
    assert not check.is_valid({"quantity": 3})
