"""What one route and method demands, and the decorators that attach it to a view.

The decorators may stand in any order among themselves, below the route decorator. They add to one draft per view;
the gate compiles the drafts, and what ``guard.protect`` and ``guard.public`` say, into one frozen rule.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .admission import current_admission
from .errors import ConfigurationError, Denied
from .values import Decision, Environment, Mode, Reason

View = TypeVar("View", bound=Callable[..., Any])
DRAFT = "__apiguard__"
LOCATIONS = ("json", "query", "path", "headers", "form")


@dataclass(frozen=True, slots=True)
class Accepts:
    """A schema for what comes in at one location; ``into`` names the keyword argument that receives the value."""

    schema: Any
    location: str = "json"
    into: str | None = None


@dataclass(frozen=True, slots=True)
class Returns:
    """A schema for what goes out with one status."""

    schema: Any
    status: int = 200


@dataclass(frozen=True, slots=True)
class Limit:
    """A short rate on one route, for each client: ``"20/second"`` and what one call costs."""

    rate: str
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Rule:
    """Everything one route and method demands. Rules from several sources combine by AND.

    ``scopes`` are all needed; of each set in ``any_of`` one is. ``public`` is the reason why nobody has to prove
    anything. ``declared`` is False for a route inside ``paths`` that nobody spoke for: closed. ``drafts`` are the
    decorated views this rule admits to.
    """

    scopes: frozenset[str] = frozenset()
    any_of: tuple[frozenset[str], ...] = ()
    roles: frozenset[str] = frozenset()
    policies: tuple[str, ...] = ()
    environment: Environment | None = None
    first_party: bool = True
    accepts: tuple[Accepts, ...] = ()
    returns: tuple[Returns, ...] = ()
    limits: tuple[Limit, ...] = ()
    max_body: int | None = None
    public: str | None = None
    record: bool = True
    mode: Mode | None = None
    declared: bool = True
    sources: tuple[str, ...] = ()
    drafts: tuple[Draft, ...] = field(default=(), repr=False)

    @property
    def every_scope(self) -> frozenset[str]:
        """All scopes that the rule names anywhere."""
        return self.scopes.union(*self.any_of)


@dataclass(eq=False)
class Draft:
    """What the decorators said about one view. ``view`` is the bare function, ``wrapper`` what the route must get."""

    view: Callable[..., Any]
    wrapper: Callable[..., Any] | None = None
    parts: list[Rule] = field(default_factory=list)

    @property
    def place(self) -> str:
        """Name, file and line, for errors at start."""
        code = getattr(inspect.unwrap(self.view), "__code__", None)
        where = f" ({code.co_filename}:{code.co_firstlineno})" if code is not None else ""
        return f"{getattr(self.view, '__qualname__', self.view)}{where}"


def require(
    *scopes: str,
    any_of: list[str] | tuple[str, ...] | None = None,
    roles: list[str] | tuple[str, ...] = (),
    policy: str | None = None,
    environment: str | None = None,
    first_party: bool = True,
) -> Callable[[View], View]:
    """Who may: all of ``scopes``, one of ``any_of``, all of ``roles``, and what the named policy says.

    ``environment`` narrows to ``"sandbox"`` or ``"production"`` clients. ``first_party=False`` shuts out the host's
    own signed-in users.
    """
    return _attach(demand(scopes, any_of, roles, policy, environment, first_party, source="require"))


def accepts(schema: Any, location: str = "json", into: str | None = None) -> Callable[[View], View]:
    """What may come in at ``location`` (json, query, path, headers, form).

    Only validates, unless ``into`` names the keyword argument that receives the validated value.
    """
    if location not in LOCATIONS:
        raise ConfigurationError(f"{location!r} is not a location.", "Use one of " + ", ".join(LOCATIONS) + ".")
    return _attach(Rule(accepts=(Accepts(schema, location, into),), sources=("accepts",)))


def returns(schema: Any, status: int = 200) -> Callable[[View], View]:
    """What may go out with ``status``: the view's value is dumped through the schema and checked against it."""
    return _attach(Rule(returns=(Returns(schema, status),), sources=("returns",)))


def limit(rate: str, cost: int = 1) -> Callable[[View], View]:
    """How often each client may call this route: ``"20/second"``, ``"1000/day"``."""
    if isinstance(cost, bool) or not isinstance(cost, int) or cost < 1:
        raise ConfigurationError(f"A call can't cost {cost!r}.", "Use a whole number from 1.")
    return _attach(Rule(limits=(Limit(rate, cost),), sources=("limit",)))


def public(why: str, *, record: bool = True) -> Callable[[View], View]:
    """Open the route to everybody, and say why. ``record=False`` leaves its calls out of the record."""
    return _attach(opened(why, record, source="public"))


def demand(
    scopes: tuple[str, ...],
    any_of: list[str] | tuple[str, ...] | None = None,
    roles: list[str] | tuple[str, ...] = (),
    policy: str | None = None,
    environment: str | None = None,
    first_party: bool = True,
    source: str = "protect",
) -> Rule:
    """The rule that ``require`` and ``guard.protect`` write.

    :raises ConfigurationError: for scopes that are no texts, or an unknown environment.
    """
    for scope in (*scopes, *(any_of or ())):
        if not isinstance(scope, str) or not scope or set(scope) & set(' "\\') or not scope.isprintable():
            raise ConfigurationError(
                f"{scope!r} is not a scope.", "A scope is a text without spaces and quotes (RFC 6749, section 3.3)."
            )
    if environment is not None and environment not in tuple(Environment):
        raise ConfigurationError(f"{environment!r} is not an environment.", "Use sandbox or production.")
    return Rule(
        scopes=frozenset(scopes),
        any_of=(frozenset(any_of),) if any_of else (),
        roles=frozenset(roles),
        policies=(policy,) if policy else (),
        environment=Environment(environment) if environment else None,
        first_party=first_party,
        sources=(source,),
    )


def opened(why: str, record: bool = True, source: str = "public") -> Rule:
    """The rule that ``public`` and ``guard.public`` write.

    :raises ConfigurationError: nobody said why.
    """
    if not isinstance(why, str) or not why.strip():
        raise ConfigurationError("A public route says why it is public.", 'Write @public("health check").')
    return Rule(public=why.strip(), record=record, sources=(source,))


def combine(parts: list[Rule], drafts: tuple[Draft, ...] = (), where: str = "") -> Rule:
    """Several rules as one: AND throughout.

    :raises ConfigurationError: ``public`` beside anything else, or two values for one ``into`` name, or two environments.
    """
    public_parts = [part for part in parts if part.public is not None]
    if public_parts and len(parts) > len(public_parts):
        others = sorted({source for part in parts if part.public is None for source in part.sources})
        raise ConfigurationError(f"{where} is public and has another rule ({', '.join(others)}).", "Drop one of them.")
    environments = {part.environment for part in parts} - {None}
    if len(environments) > 1:
        raise ConfigurationError(f"{where} demands two environments at once.", "Drop one of them.")
    names = [accept.into for part in parts for accept in part.accepts if accept.into]
    if len(names) != len(set(names)):
        raise ConfigurationError(f"{where} receives two values under one name.", "Give each `into` its own name.")
    bounds = [part.max_body for part in parts if part.max_body is not None]
    modes = {part.mode for part in parts} - {None}
    return Rule(
        scopes=frozenset().union(*(part.scopes for part in parts)),
        any_of=tuple(wanted for part in parts for wanted in part.any_of),
        roles=frozenset().union(*(part.roles for part in parts)),
        policies=tuple(dict.fromkeys(policy for part in parts for policy in part.policies)),
        environment=next(iter(environments), None),
        first_party=all(part.first_party for part in parts),
        accepts=tuple(accept for part in parts for accept in part.accepts),
        returns=tuple(answer for part in parts for answer in part.returns),
        limits=tuple(limit for part in parts for limit in part.limits),
        max_body=min(bounds) if bounds else None,
        public="; ".join(dict.fromkeys(part.public for part in public_parts if part.public)) or None,
        record=all(part.record for part in parts),
        # Enforcing anywhere wins: observing is what an operator asks for where nothing else was said.
        mode=Mode.ENFORCE if Mode.ENFORCE in modes else next(iter(modes), None),
        declared=all(part.declared for part in parts),
        sources=tuple(dict.fromkeys(source for part in parts for source in part.sources)),
        drafts=drafts,
    )


def draft_of(view: Any) -> Draft | None:
    """The draft that decorators left on a view function or method."""
    found = getattr(view, DRAFT, None)
    return found if isinstance(found, Draft) else None


def _attach(part: Rule) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        if inspect.isclass(view):
            raise ConfigurationError(
                f"{view.__qualname__} is a class.",
                "Decorate its methods, list it in `decorators`, or use guard.protect.",
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


def _guarded(view: Callable[..., Any], draft: Draft) -> Callable[..., Any]:
    """The view behind the gate: runs only for the very request that was admitted to it, with what was validated."""
    if inspect.iscoroutinefunction(view):

        @functools.wraps(view)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            return await view(*args, **kwargs, **_admitted_values(draft))

        return run_async

    @functools.wraps(view)
    def run(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs, **_admitted_values(draft))

    return run


def _admitted_values(draft: Draft) -> dict[str, Any]:
    """What ``accepts(into=...)`` of this view's own draft validated.

    :raises Denied: this request was not admitted to this view: forgetting ``init_app`` closes, it never opens.
    """
    admission = current_admission()
    if admission is None or not admission.admitted or draft not in admission.rule.drafts:
        raise Denied(Decision(False, Reason.ROUTE_UNDECLARED, f"{draft.view.__name__} was not admitted by the gate."))
    values = admission.values
    if not values:
        return {}
    names = [accept.into for part in draft.parts for accept in part.accepts if accept.into]
    return {name: values[name] for name in names}
