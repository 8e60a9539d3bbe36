"""Where the gate stands in an app: before the host's hooks and URL preprocessors, and around its views."""

from __future__ import annotations

from types import FunctionType
from typing import Any, Protocol

from flask import Flask

from .gate import Gate

#: Flask's own, as it stands in Flask; None where somebody exchanged it before we came.
_FLASKS: Any = Flask.preprocess_request
if type(_FLASKS) is not FunctionType or _FLASKS.__code__.co_qualname != "Flask.preprocess_request":
    _FLASKS = None


class Holder(Protocol):
    """Has the gate, or makes it when it is first asked for."""

    @property
    def gate(self) -> Gate: ...


def attach(app: Flask, holder: Holder) -> None:
    """Stand before the host's hooks and URL preprocessors, and around its views.

    On the instance, with whatever arguments this Flask passes: a hook appended to ``before_request`` would come after
    the host's own, and even the first one after its URL preprocessors.
    """
    own, view = app.__dict__.get("preprocess_request"), app.dispatch_request

    def preprocess_request(*args: Any, **kwargs: Any) -> Any:
        refusal = holder.gate.admit()
        if refusal is not None:
            return refusal
        if own is not None:
            return own(*args, **kwargs)
        of_class = type(app).preprocess_request
        if of_class is _FLASKS and not app.before_request_funcs and not app.url_value_preprocessors:
            return None  # nobody registered anything for it to call, and nobody stands around it
        return of_class(app, *args, **kwargs)

    def dispatch_request(*args: Any, **kwargs: Any) -> Any:
        try:
            value = view(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - raised again there, unless it hides a refusal of ours
            return holder.gate.after_error(error)
        return holder.gate.release(value)

    app.preprocess_request = preprocess_request  # type: ignore[method-assign]
    app.dispatch_request = dispatch_request  # type: ignore[method-assign]
