"""Every field of every endpoint with what doesn't fit: a problem document, and nothing is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_apiguard.api.endpoints import ENDPOINTS
from flask_apiguard.api.table import Endpoint, Who

from .conftest import Heard, Town
from .examples import bad, filled, good

WITH_BODY = [endpoint for endpoint in ENDPOINTS if endpoint.body is not None]
WITH_QUERY = [endpoint for endpoint in ENDPOINTS if endpoint.query is not None]


def _is_refusal(heard: Heard, *statuses: int) -> None:
    assert heard.status in statuses, (heard.status, heard.body)
    assert heard.kind == "application/problem+json"
    assert set(heard.json) >= {"type", "title", "status", "detail", "code", "request_id"}
    assert heard.json["status"] == heard.status


def _who(endpoint: Endpoint) -> str | None:
    return None if endpoint.who in (Who.STRANGER, Who.ANYBODY) else "adam"


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=lambda endpoint: endpoint.name)
def test_a_field_that_does_not_fit_is_refused_and_nothing_is_stored(town: Town, endpoint: Endpoint) -> None:
    assert endpoint.body is not None
    before = town.entries()
    for document in bad(endpoint.body):
        heard = town.go(endpoint.method, filled(endpoint), document, _who(endpoint))
        _is_refusal(heard, 422)
        pointed = {flaw["pointer"].split("/")[1] for flaw in heard.json["errors"]}
        assert pointed == set(document), (document, heard.body)
    assert town.entries() == before


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=lambda endpoint: endpoint.name)
def test_an_unknown_or_missing_name_is_refused(town: Town, endpoint: Endpoint) -> None:
    assert endpoint.body is not None
    fitting, before = good(endpoint.body), town.entries()
    path, who = filled(endpoint), _who(endpoint)
    _is_refusal(town.go(endpoint.method, path, {**fitting, "is_admin": True}, who), 422)
    for name in fitting:
        rest = {one: value for one, value in fitting.items() if one != name}
        _is_refusal(town.go(endpoint.method, path, rest, who), 422)
    for document in ([], "text", 5, None, [fitting]):
        _is_refusal(town.go(endpoint.method, path, who=who, data=json.dumps(document).encode()), 422)
    assert town.entries() == before


@pytest.mark.parametrize("endpoint", WITH_QUERY, ids=lambda endpoint: endpoint.name)
def test_a_query_that_does_not_fit_is_refused(town: Town, endpoint: Endpoint) -> None:
    assert endpoint.query is not None
    path = filled(endpoint)
    for query in (
        "unknown=1",
        "limit=0",
        "limit=999999",
        "limit=x",
        "limit=1&limit=2",
        "hours=-1",
        "limit=%F0%9F%92%A9",
    ):
        _is_refusal(town.go("GET", f"{path}?{query}", who=_who(endpoint)), 422)
    for name in endpoint.query().load_fields:
        _is_refusal(town.go("GET", f"{path}?{name}=%00", who=_who(endpoint)), 422)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


@given(data=st.data())
@settings(max_examples=100)
def test_no_document_makes_us_fail(town: Town, data: st.DataObject) -> None:
    endpoint = data.draw(st.sampled_from(WITH_BODY))
    assert endpoint.body is not None
    names = st.sampled_from([*endpoint.body().load_fields, "unknown"])
    document: Any = data.draw(st.dictionaries(names, anything, max_size=6) | anything)
    try:
        sent = json.dumps(document).encode()
    except UnicodeEncodeError:
        return
    heard = town.go(endpoint.method, filled(endpoint), who=_who(endpoint), data=sent)
    assert heard.status < 500, (endpoint.name, document, heard.body)
    if heard.status >= 400:
        assert heard.kind == "application/problem+json"


@given(
    path=st.text(
        st.characters(codec="ascii", min_codepoint=33, max_codepoint=126, exclude_characters="?#"), max_size=60
    )
)
@settings(max_examples=100)
def test_no_path_makes_us_fail(town: Town, path: str) -> None:
    heard = town.go("GET", f"/applications/{path}", who="adam")
    assert heard.status < 500, (path, heard.body)
