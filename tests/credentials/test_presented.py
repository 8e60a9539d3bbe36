"""What two headers may say together, and that nothing in them is ever an exception of another kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Request

from flask_apiguard.credentials.presented import presented_texts, raw_text
from flask_apiguard.errors import Denied
from flask_apiguard.values import Reason
from tests.credentials.house import request


def environ(authorization: str | None = None, api_key: str | None = None) -> Request:
    """Headers as a WSGI server hands them over: text of latin-1 characters, whatever they are."""
    made = request()
    for name, value in (("HTTP_AUTHORIZATION", authorization), ("HTTP_X_API_KEY", api_key)):
        if value is not None:
            made.environ[name] = value
    return made


@pytest.mark.parametrize(
    ("authorization", "api_key", "found"),
    [
        (None, None, (None, None)),
        ("Bearer abc", None, ("bearer", "abc")),
        ("bEaReR   abc \t", None, ("bearer", "abc")),
        (None, " abc ", ("x-api-key", "abc")),
        ("Bearer abc", "abc", ("bearer", "abc")),
        ("Basic YTpi", None, ("basic", "YTpi")),
        ("Digest a=1, b=2", None, ("digest", "a=1, b=2")),
        ("DPoP abc", None, ("dpop", "abc")),
    ],
)
def test_what_is_presented(authorization: str | None, api_key: str | None, found: tuple[str, str]) -> None:
    assert presented_texts(environ(authorization, api_key)) == found


@pytest.mark.parametrize(("authorization", "api_key"), [("Bearer abc", "abd"), ("Basic abc", "abd"), ("Bearer a", "A")])
def test_two_different_credentials_are_one_too_many(authorization: str, api_key: str) -> None:
    with pytest.raises(Denied) as caught:
        presented_texts(environ(authorization, api_key))
    assert caught.value.decision.reason is Reason.CREDENTIAL_AMBIGUOUS
    assert caught.value.decision.reason.status == 400


@pytest.mark.parametrize(
    ("authorization", "api_key"),
    [
        ("", None), (None, ""), ("Bearer", None), ("Bearer ", None), ("abc", None), ("Bearer abc,Bearer abd", None),
        ("Bearer abc, Bearer abc", None), (None, "abc,abd"), ("Bearer a b", None), ("Bearer \xe9", None),
        ("Bearer a\0", None), ("\xe9 abc", None), (None, "\0"), ("Bearer " + "a" * 4097, None), (None, "a" * 1_000_000),
        ("B" * 1_000_000, None), ("Basic " + "a" * 1_000_000, None), ("Bearer abc", "\xe9"), ("Bearer abc\n", None),
    ],
)  # fmt: skip
def test_what_can_be_no_credential_is_malformed(authorization: str | None, api_key: str | None) -> None:
    with pytest.raises(Denied) as caught:
        presented_texts(environ(authorization, api_key))
    assert caught.value.decision.reason is Reason.CREDENTIAL_MALFORMED
    shown = raw_text(environ(authorization, api_key))
    assert shown is not None
    assert len(shown) <= 2 * 4096 + 1


anything = st.none() | st.text(st.characters(max_codepoint=255), max_size=80) | st.just("Bearer x")


@given(anything, anything)
def test_no_header_is_an_exception_of_another_kind(authorization: str | None, api_key: str | None) -> None:
    try:
        scheme, text = presented_texts(environ(authorization, api_key))
    except Denied:
        return
    assert (scheme is None) == (authorization is None and api_key is None)
    assert text is None or text.isprintable() or scheme not in ("bearer", "x-api-key")


def test_a_changed_header_is_read_again() -> None:
    made = environ("Bearer abc")
    assert presented_texts(made) == ("bearer", "abc")
    made.environ["HTTP_AUTHORIZATION"] = "Bearer abd"
    assert presented_texts(made) == ("bearer", "abd")


def test_a_query_or_cookie_is_no_place_for_a_credential() -> None:
    made = Request({**environ().environ, "QUERY_STRING": "api_key=abc&access_token=abc", "HTTP_COOKIE": "api_key=abc"})
    assert presented_texts(made) == (None, None)
