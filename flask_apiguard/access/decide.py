"""May this caller do this? Rules, policies and loaded objects, each answering with a decision that says why."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from ..errors import ConfigurationError
from ..rules import Rule
from ..values import ALLOWED, Caller, Decision, Reason

logger = logging.getLogger("flask_apiguard")

#: A host's condition: gets the caller and the loaded object (None at the gate). True allows; False, a text with the
#: reason, or a false ``Decision`` refuses.
Policy = Callable[[Caller, Any], "bool | str | Decision"]


class Policies:
    """Named conditions over attributes, registered by the host with ``@guard.policy(name)``."""

    def __init__(self) -> None:
        self._policies: dict[str, Policy] = {}
        self._of_scope: dict[str, tuple[str, ...]] = {}

    def add(self, name: str, policy: Policy, scopes: Iterable[str] = ()) -> None:
        """Register one; ``scopes`` have it asked whenever ``authorize`` is called for one of them.

        :raises ConfigurationError: the name is taken.
        """
        if name in self._policies:
            raise ConfigurationError(f"There is a policy named {name!r} already.", "Give it another name.")
        self._policies[name] = policy
        for scope in scopes:
            self._of_scope[scope] = (*self._of_scope.get(scope, ()), name)

    def __contains__(self, name: object) -> bool:
        return name in self._policies

    def of_scope(self, scope: str) -> tuple[str, ...]:
        """Names of the policies that belong to a scope."""
        return self._of_scope.get(scope, ())

    def ask(self, name: str, caller: Caller, obj: Any) -> Decision:
        """One policy's answer. An unknown policy, or one that fails, refuses: nothing opens by accident."""
        policy = self._policies.get(name)
        if policy is None:
            return Decision(False, Reason.POLICY_REFUSED, f"The policy {name} is not registered.", need=name)
        try:
            answer = policy(caller, obj)
        except Exception:
            logger.exception("the policy %s failed, so it refuses", name)
            return Decision(False, Reason.POLICY_REFUSED, need=name)
        if answer is True:
            return ALLOWED
        if isinstance(answer, Decision):
            return answer
        detail = answer if isinstance(answer, str) else f"The policy {name} does not allow this."
        # The sentence goes on record too, so that who asks later why is told what the refusal told.
        return Decision(False, Reason.POLICY_REFUSED, detail, need=name, have=detail)


def check_rule(rule: Rule, policies: Policies) -> None:
    """What can be said of a rule at start.

    :raises ConfigurationError: it names a policy that nobody registered.
    """
    for name in rule.policies:
        if name not in policies:
            raise ConfigurationError(
                f"A rule names the policy {name!r}, which nobody registered.", "Use @guard.policy."
            )


def decide(caller: Caller, rule: Rule, policies: Policies) -> Decision:
    """Scopes, roles and policies of a rule for one caller. A first party is the host's to authorize."""
    if caller.is_first_party:
        if not rule.first_party:
            return Decision(False, Reason.CREDENTIAL_MISSING, "This route is not for the site's own session.")
    else:
        refusal = _scopes_and_roles(caller, rule)
        if refusal is not None:
            return refusal
    for name in rule.policies:
        answer = policies.ask(name, caller, None)
        if not answer:
            return answer
    return ALLOWED


def _scopes_and_roles(caller: Caller, rule: Rule) -> Decision | None:
    held = caller.scopes
    if caller.must_bind or (rule.sender_constrained and caller.cnf is None):
        return Decision(False, Reason.PROOF_MISSING)
    if not rule.scopes <= held:
        return _missing(rule.scopes, caller)
    for wanted in rule.any_of:
        if wanted.isdisjoint(held):
            return _missing(wanted, caller, any_of=True)
    if not rule.roles <= caller.roles:
        lacking = " ".join(sorted(rule.roles - caller.roles))
        return Decision(
            False, Reason.ROLE_MISSING, f"The role {lacking} is missing.", need=lacking,
            have=" ".join(sorted(caller.roles)),
        )  # fmt: skip
    return None


def _missing(wanted: frozenset[str], caller: Caller, any_of: bool = False) -> Decision:
    held = caller.scopes
    need, have = " ".join(sorted(wanted)), " ".join(sorted(held))
    lacking = " ".join(sorted(wanted - held))
    withheld = wanted & caller.withheld
    if withheld and (any_of or withheld == wanted - held):
        detail = f"The scope {' '.join(sorted(withheld))} is used by a token that is bound to a key only."
        return Decision(False, Reason.PROOF_MISSING, detail, need=need, have=have)
    detail = f"One of the scopes {need} is needed." if any_of else f"The scope {lacking} is missing."
    return Decision(False, Reason.SCOPE_MISSING, detail, need=need, have=have)


def authorize(caller: Caller, scope: str, obj: Any, rule: Rule | None, policies: Policies) -> Decision:
    """Whether the caller may do what ``scope`` says with a loaded object: scope, its policies, the rule's policies."""
    if not caller:
        return Decision(False, Reason.CREDENTIAL_MISSING, need=scope)
    if not caller.may(scope):
        return _missing(frozenset((scope,)), caller)
    names = dict.fromkeys((*policies.of_scope(scope), *(rule.policies if rule is not None else ())))
    for name in names:
        answer = policies.ask(name, caller, obj)
        if not answer:
            return answer
    return ALLOWED
