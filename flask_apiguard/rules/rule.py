"""What one route and method demands: a frozen rule, made by AND from what several sources say."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..errors import ConfigurationError
from ..values import SCOPE_RULE, Environment, Mode, is_scope
from .rates import parse_rates

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
    """A short rate on one route, for each client: ``"20/second"`` and what one call costs.

    :raises ConfigurationError: the rate can't be read.
    """

    rate: str
    cost: int = 1

    def __post_init__(self) -> None:
        try:
            parse_rates(self.rate)
        except ValueError as error:
            raise ConfigurationError(f"The limit {self.rate!r} wants {error}.") from None


@dataclass(frozen=True, slots=True)
class Rule:
    """Everything one route and method demands. Rules from several sources combine by AND.

    ``scopes`` are all needed; of each set in ``any_of`` one is. ``public`` is the reason why nobody has to prove
    anything. ``sender_constrained`` wants a token that is bound to a key of its client. ``declared`` is False for a
    route inside ``paths`` that nobody spoke for: closed. ``shared`` leaves it to the host's CORS who else may read the
    answers. ``drafts`` are the decorated views this rule admits to.
    """

    scopes: frozenset[str] = frozenset()
    any_of: tuple[frozenset[str], ...] = ()
    roles: frozenset[str] = frozenset()
    policies: tuple[str, ...] = ()
    environment: Environment | None = None
    first_party: bool = True
    sender_constrained: bool = False
    accepts: tuple[Accepts, ...] = ()
    returns: tuple[Returns, ...] = ()
    limits: tuple[Limit, ...] = ()
    max_body: int | None = None
    public: str | None = None
    record: bool = True
    mode: Mode | None = None
    declared: bool = True
    shared: bool = True
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


def demand(
    scopes: tuple[str, ...],
    any_of: list[str] | tuple[str, ...] | None = None,
    roles: list[str] | tuple[str, ...] = (),
    policy: str | None = None,
    environment: str | None = None,
    first_party: bool = True,
    source: str = "protect",
    sender_constrained: bool = False,
) -> Rule:
    """The rule that ``require`` and ``guard.protect`` write.

    :raises ConfigurationError: for scopes that are no texts, or an unknown environment.
    """
    for scope in (*scopes, *(any_of or ())):
        if not is_scope(scope):
            raise ConfigurationError(f"{repr(scope)[:80]} is not a scope.", SCOPE_RULE)
    if environment is not None and environment not in tuple(Environment):
        raise ConfigurationError(f"{environment!r} is not an environment.", "Use sandbox or production.")
    return Rule(
        scopes=frozenset(scopes),
        any_of=(frozenset(any_of),) if any_of else (),
        roles=frozenset(roles),
        policies=(policy,) if policy else (),
        environment=Environment(environment) if environment else None,
        first_party=first_party,
        sender_constrained=sender_constrained,
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

    :raises ConfigurationError: ``public`` beside anything else, two values for one ``into`` name, two environments.
    """
    if len(parts) == 1 and parts[0].drafts == drafts:
        return parts[0]  # as most routes have it: one word for the whole blueprint
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
        sender_constrained=any(part.sender_constrained for part in parts),
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
