"""What a request presents in its headers, read once and judged by nobody yet."""

from __future__ import annotations

import re

from werkzeug.wrappers import Request

from ..values import Reason
from .standing import denied

LENGTH_AT_MOST = 4096
#: The header of its own stands for this word where a scheme is asked for.
X_API_KEY = "x-api-key"
BEARER, DPOP = "bearer", "dpop"
_MEMO = "flask_apiguard.presented"
_SCHEME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}")
# Visible ASCII without a comma: with one, it is two headers that a server has joined into a list.
_TEXT = re.compile(r"[!-+\--~]+")

Texts = tuple[str | None, str | None]


def presented_texts(request: Request) -> Texts:
    """The scheme (lower case, or ``x-api-key``) and the credential's text; both None when nothing is presented.

    :raises Denied: two different texts (400); what can't be any credential: empty, longer than 4096 characters, two
        headers of one name, characters other than visible ASCII (401).
    """
    environ = request.environ
    authorization = environ.get("HTTP_AUTHORIZATION")
    api_key = environ.get("HTTP_X_API_KEY")
    if authorization is None and api_key is None:
        return None, None
    memo = environ.get(_MEMO)
    if memo is not None and memo[0] == authorization and memo[1] == api_key:
        found: Texts = memo[2]
        return found
    found = _read(authorization, api_key)
    environ[_MEMO] = (authorization, api_key, found)
    return found


def raw_text(request: Request) -> str | None:
    """Whatever stands in the two headers, for a fingerprint of what could not be read; bounded."""
    parts = [request.environ.get(name) for name in ("HTTP_AUTHORIZATION", "HTTP_X_API_KEY")]
    found = [str(part)[:LENGTH_AT_MOST] for part in parts if part is not None]
    return "\n".join(found) if found else None


def _read(authorization: str | None, api_key: str | None) -> Texts:
    key = None if api_key is None else _text(api_key)
    if authorization is None:
        return X_API_KEY, key
    scheme, _, rest = authorization.strip(" \t").partition(" ")
    if not _SCHEME.fullmatch(scheme) or not rest.strip() or len(rest) > LENGTH_AT_MOST:
        raise denied(Reason.CREDENTIAL_MALFORMED)
    # Other schemes may carry parameters (RFC 9110, section 11.6.2): theirs to read, whole.
    text = _text(rest) if scheme.lower() in (BEARER, DPOP) else rest.strip(" \t")
    if key is not None and key != text:
        raise denied(Reason.CREDENTIAL_AMBIGUOUS)
    return scheme.lower(), text


def _text(value: str) -> str:
    text = value.strip(" \t")
    if len(text) > LENGTH_AT_MOST or not _TEXT.fullmatch(text):
        raise denied(Reason.CREDENTIAL_MALFORMED)
    return text
