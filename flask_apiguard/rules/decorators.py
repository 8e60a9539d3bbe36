"""The decorators that attach rules to views.

They may stand in any order among themselves, below the route decorator. They add to one draft per view; the book
compiles the drafts, and what ``guard.protect`` and ``guard.public`` say, into one frozen rule.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from ..admission import Admission, current_admission
from ..errors import ConfigurationError, Denied
from ..values import Decision, Reason
from .rule import DRAFT, LOCATIONS, Accepts, Draft, Limit, Returns, Rule, demand, draft_of, opened

View = TypeVar("View", bound=Callable[..., Any])


def require(
    *scopes: str,
    any_of: list[str] | tuple[str, ...] | None = None,
    roles: list[str] | tuple[str, ...] = (),
    policy: str | None = None,
    environment: str | None = None,
    first_party: bool = True,
    sender_constrained: bool = False,
) -> Callable[[View], View]:
    """Who may: all of ``scopes``, one of ``any_of``, all of ``roles``, and what the named policy says.

    ``environment`` narrows to ``"sandbox"`` or ``"production"`` clients. ``first_party=False`` shuts out the host's
    own signed-in users. ``sender_constrained=True`` wants a token that is bound to a key which each call proves
    (RFC 9449): one that was stolen opens nothing.
    """
    return _attach(demand(scopes, any_of, roles, policy, environment, first_party, "require", sender_constrained))


def accepts(
    schema: Any, location: str = "json", into: str | None = None, *, max_body: int | None = None
) -> Callable[[View], View]:
    """What may come in at ``location`` (json, query, path, headers, form).

    Only validates, unless ``into`` names the keyword argument that receives the validated value. ``max_body`` is the
    largest body in bytes that this route takes.

    :raises ConfigurationError: no such location, or the view takes no argument of that name.
    """
    if location not in LOCATIONS:
        raise ConfigurationError(f"{location!r} is not a location.", "Use one of " + ", ".join(LOCATIONS) + ".")
    return _attach(Rule(accepts=(Accepts(schema, location, into),), max_body=max_body, sources=("accepts",)))


def returns(schema: Any, status: int = 200) -> Callable[[View], View]:
    """What may go out with ``status``: the view's value is dumped through the schema and checked against it."""
    return _attach(Rule(returns=(Returns(schema, status),), sources=("returns",)))


def limit(rate: str, cost: int = 1) -> Callable[[View], View]:
    """How often each client may call this route: ``"20/second"``, ``"1000/day"``.

    :raises ConfigurationError: a rate that can't be read.
    """
    if isinstance(cost, bool) or not isinstance(cost, int) or cost < 1:
        raise ConfigurationError(f"A call can't cost {cost!r}.", "Use a whole number from 1.")
    return _attach(Rule(limits=(Limit(rate, cost),), sources=("limit",)))


def public(why: str, *, record: bool = True) -> Callable[[View], View]:
    """Open the route to everybody, and say why. ``record=False`` leaves its calls out of the record."""
    return _attach(opened(why, record, source="public"))


def _attach(part: Rule) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        if inspect.isclass(view):
            raise ConfigurationError(
                f"{view.__qualname__} is a class.",
                "Decorate its methods, list it in `decorators`, or use guard.protect.",
            )
        for accept in part.accepts:
            if accept.into is not None and not _takes(view, accept.into):
                place = Draft(draft.view if (draft := draft_of(view)) is not None else view).place
                raise ConfigurationError(
                    f"{place} takes no argument {accept.into!r}, so accepts(into={accept.into!r}) can't give it one.",
                    f"Write def {getattr(view, '__name__', 'view')}(..., {accept.into}), or leave `into` out.",
                )
        draft = draft_of(view)
        if draft is not None:
            draft.parts.append(part)
            return view
        draft = Draft(view, parts=[part])
        wrapper = _guarded(view, draft)
        setattr(view, DRAFT, draft)  # the bare function carries it too: a route that took it instead is found at start
        setattr(wrapper, DRAFT, draft)
        draft.wrapper = wrapper
        return wrapper  # type: ignore[return-value]

    return decorate


def _takes(view: Callable[..., Any], name: str) -> bool:
    """Whether a view can be given this keyword argument; one that hands on whatever it gets is looked through."""
    while True:
        try:
            parameters = inspect.signature(view, follow_wrapped=False).parameters
        except (TypeError, ValueError):  # not written in Python: nobody can say
            return True
        found = parameters.get(name)
        if found is not None and found.kind in (found.POSITIONAL_OR_KEYWORD, found.KEYWORD_ONLY):
            return True
        if not any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
            return False
        inner = getattr(view, "__wrapped__", None)
        if inner is None:
            return True
        view = inner


def _guarded(view: Callable[..., Any], draft: Draft) -> Callable[..., Any]:
    """The view behind the gate: runs only for the very request that was admitted to it, with what was validated."""
    if inspect.iscoroutinefunction(view):

        @functools.wraps(view)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            return await view(*args, **kwargs, **_values(_admitted(draft), draft))

        return run_async

    @functools.wraps(view)
    def run(*args: Any, **kwargs: Any) -> Any:
        admission = _admitted(draft)
        return view(*args, **kwargs, **_values(admission, draft)) if admission.values else view(*args, **kwargs)

    return run


def _admitted(draft: Draft) -> Admission:
    """The admission of the request at hand.

    :raises Denied: this request was not admitted to this view: forgetting ``init_app`` closes, it never opens.
    """
    admission = current_admission()
    if admission is None or not admission.admitted or draft not in admission.rule.drafts:
        raise Denied(Decision(False, Reason.ROUTE_UNDECLARED, f"{draft.view.__name__} was not admitted by the gate."))
    return admission


def _values(admission: Admission, draft: Draft) -> dict[str, Any]:
    """What ``accepts(into=...)`` of this view's own draft validated."""
    values = admission.values
    if not values:
        return {}
    names = [accept.into for part in draft.parts for accept in part.accepts if accept.into]
    return {name: values[name] for name in names}
