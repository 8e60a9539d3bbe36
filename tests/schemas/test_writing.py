"""A document becomes the response that Flask would make of it, byte for byte."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import Any

import pytest
from flask import Flask, Response
from flask.json.provider import DefaultJSONProvider
from hypothesis import given
from hypothesis import strategies as st

from flask_apiguard.schemas import writing, written

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.dates() | st.uuids()
    | st.decimals(allow_nan=False)
)  # fmt: skip
DOCUMENTS = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
WHOLE = st.lists(DOCUMENTS) | st.dictionaries(st.text(), DOCUMENTS)


@pytest.fixture(scope="module")
def app() -> Flask:
    return Flask("written")


@given(document=WHOLE, ensure_ascii=st.booleans(), sort_keys=st.booleans())
def test_it_is_the_response_that_flask_makes(app: Flask, document: Any, ensure_ascii: bool, sort_keys: bool) -> None:
    provider = app.json
    assert isinstance(provider, DefaultJSONProvider)
    provider.ensure_ascii, provider.sort_keys = ensure_ascii, sort_keys
    made, expected = written(app, document), provider.response(document)
    assert (made.get_data(), made.headers) == (expected.get_data(), expected.headers)
    assert (type(made), made.status_code) == (type(expected), 200)


@given(document=WHOLE, ensure_ascii=st.booleans(), sort_keys=st.booleans())
def test_without_the_interpreters_fast_part_it_is_written_alike(
    app: Flask, document: Any, ensure_ascii: bool, sort_keys: bool
) -> None:
    default = app.json.default  # type: ignore[attr-defined]
    fast = writing.encoder(default, ensure_ascii, sort_keys)(document, 0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(writing, "c_make_encoder", None)
        assert "".join(fast) == "".join(writing.encoder(default, ensure_ascii, sort_keys)(document, 0))


def test_a_document_that_holds_itself_is_left_to_flask_and_costs_nobody_else_anything(app: Flask) -> None:
    circular: dict[str, Any] = {"a": []}
    circular["a"].append(circular)
    assert written(app, circular) is circular
    assert written(app, {"a": []}).get_json() == {"a": []}


def test_what_nobody_can_write_is_left_to_flask_which_says_so(app: Flask) -> None:
    document = {"x": object()}
    assert written(app, document) is document


@pytest.mark.parametrize("method", ["dumps", "response"])
def test_a_provider_with_a_method_of_the_hosts_own_writes_itself(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app, document = Flask("patched"), {"a": 1}
    monkeypatch.setattr(app.json, method, lambda *args, **options: "{}")
    assert written(app, document) is document


@pytest.mark.parametrize("document", ["text", None, ({"a": 1}, 201), Response("x"), 7, uuid.uuid4()])
def test_what_is_no_document_alone_is_left_to_flask(app: Flask, document: Any) -> None:
    assert written(app, document) is document


def test_a_provider_of_the_hosts_own_writes_itself() -> None:
    class Own(DefaultJSONProvider):
        pass

    app, document = Flask("own"), {"a": decimal.Decimal("1.5"), "at": dt.date(2026, 11, 1)}
    app.json = Own(app)
    assert written(app, document) is document


def test_indented_answers_are_left_to_flask() -> None:
    app, document = Flask("pretty"), {"a": 1}
    app.debug = True
    assert written(app, document) is document
    app.debug = False
    app.json.compact = False  # type: ignore[attr-defined]
    assert written(app, document) is document


def test_few_encoders_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3 * writing.ENCODERS_AT_MOST):
        app = Flask("many")
        app.json.default = lambda _, number=number: number  # type: ignore[attr-defined]
        assert written(app, {"x": object()}).get_json() == {"x": number}
    assert len(writing._encoders) <= writing.ENCODERS_AT_MOST
