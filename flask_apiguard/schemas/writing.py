"""The answer made of a document: what Flask would make of it, by an encoder that is made once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from json import JSONEncoder
from json.encoder import c_make_encoder, encode_basestring, encode_basestring_ascii  # type: ignore[attr-defined]
from typing import Any

from flask import Flask
from flask.json.provider import DefaultJSONProvider

from ..values import keep

#: The pieces of a document, which may stand so deep in others.
Encode = Callable[[Any, int], Iterable[str]]
#: By what the provider says; each keeps its ``default`` alive, so no other comes by the same id.
_encoders: dict[tuple[int, bool, bool], Encode] = {}
ENCODERS_AT_MOST = 16
_DOCUMENTS = frozenset({dict, list})
#: What a host may have set on Flask's own provider; then it writes in its own way.
_WRITING = frozenset({"dumps", "response"})


def written(app: Flask, document: Any) -> Any:
    """A response of the app's own class with the bytes that its JSON provider would give.

    The document itself where Flask has to do it: the provider is not Flask's own, or indents, or the document stands
    in a tuple with status and headers, or can't be written at all, which Flask says at its own place.
    """
    provider = app.json
    if type(document) not in _DOCUMENTS or type(provider) is not DefaultJSONProvider:
        return document
    if not _WRITING.isdisjoint(provider.__dict__):
        return document
    if provider.compact is False or (provider.compact is None and app.config["DEBUG"]):
        return document
    encode = _encoders.get((id(provider.default), provider.ensure_ascii, provider.sort_keys)) or _kept(provider)
    try:
        text = "".join(encode(document, 0))
    except Exception:  # noqa: BLE001 - whatever a host's ``default`` raises, and what can't be written
        _encoders.clear()  # it still stands in what it stumbled over
        return document
    return app.response_class(f"{text}\n", mimetype=provider.mimetype)


def _kept(provider: DefaultJSONProvider) -> Encode:
    default, ensure_ascii, sort_keys = provider.default, provider.ensure_ascii, provider.sort_keys
    made = encoder(default, ensure_ascii, sort_keys)
    keep(_encoders, (id(default), ensure_ascii, sort_keys), made, ENCODERS_AT_MOST)
    return made


def encoder(default: Callable[[Any], Any] | None = None, ensure_ascii: bool = True, sort_keys: bool = False) -> Encode:
    """What :meth:`json.JSONEncoder.encode` makes anew for each document, here without any blanks.

    It remembers what it stands in, to find a document that holds itself: so it is of no use after it raised, and two
    threads at one and the same object may find one of theirs refused.
    """
    if c_make_encoder is None:
        slow = JSONEncoder(default=default, ensure_ascii=ensure_ascii, sort_keys=sort_keys, separators=(",", ":"))
        return lambda document, _: (slow.encode(document),)
    default = default or JSONEncoder().default
    escape = encode_basestring_ascii if ensure_ascii else encode_basestring
    made: Encode = c_make_encoder({}, default, escape, None, ":", ",", sort_keys, False, True)
    return made
