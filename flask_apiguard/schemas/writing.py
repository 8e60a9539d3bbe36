"""The answer made of a document: what Flask would make of it, by an encoder that is made once."""

from __future__ import annotations

from json import JSONEncoder
from typing import Any

from flask import Flask
from flask.json.provider import DefaultJSONProvider

#: By what the provider says; each keeps its ``default`` alive, so no other comes by the same id.
_encoders: dict[tuple[int, bool, bool], JSONEncoder] = {}
ENCODERS_AT_MOST = 16
#: What a host may have set on Flask's own provider; then it writes in its own way.
_WRITING = frozenset({"dumps", "response"})


def written(app: Flask, document: Any) -> Any:
    """A response of the app's own class with the bytes that its JSON provider would give.

    The document itself where Flask has to do it: the provider is not Flask's own, or indents, or the document stands
    in a tuple with status and headers, or can't be written at all, which Flask says at its own place.
    """
    provider = app.json
    if type(document) not in (dict, list) or type(provider) is not DefaultJSONProvider:
        return document
    if not _WRITING.isdisjoint(provider.__dict__):
        return document
    if provider.compact is False or (provider.compact is None and app.debug):
        return document
    encoder = _encoders.get((id(provider.default), provider.ensure_ascii, provider.sort_keys)) or _made(provider)
    try:
        text = encoder.encode(document)
    except Exception:  # noqa: BLE001 - whatever a host's ``default`` raises, and what can't be written
        return document
    return app.response_class(f"{text}\n", mimetype=provider.mimetype)


def _made(provider: DefaultJSONProvider) -> JSONEncoder:
    default, ensure_ascii, sort_keys = provider.default, provider.ensure_ascii, provider.sort_keys
    encoder = JSONEncoder(default=default, ensure_ascii=ensure_ascii, sort_keys=sort_keys, separators=(",", ":"))
    if len(_encoders) >= ENCODERS_AT_MOST:
        _encoders.clear()
    _encoders[id(default), ensure_ascii, sort_keys] = encoder
    return encoder
