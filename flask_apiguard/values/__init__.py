"""The values that pass between rooms: who called, what was decided, what happened.

Everything here is plain data. Names of things that happen are ``source:subject:action``, alphabetical, each with its
meaning: an audit trail is read years later by somebody who has only these names.
"""

from .addresses import network_of, subscriber_of
from .callers import ANONYMOUS, SYSTEM, By, Caller, ClientFacts, Entitlement, HostUser, account, is_account, person_of
from .decisions import ALLOWED, Decision, Flaw
from .happened import AccessEvent, Evidence, instant
from .happenings import Happening
from .keeping import keep
from .methods import READ_METHODS, SAFE_METHODS
from .reasons import Reason
from .scope_names import SCOPE_RULE, is_scope
from .words import Actor, Environment, Meant, Mode, Phase, Standing, State, Verdict

__all__ = [
    "ALLOWED",
    "ANONYMOUS",
    "READ_METHODS",
    "SAFE_METHODS",
    "SCOPE_RULE",
    "SYSTEM",
    "AccessEvent",
    "Actor",
    "By",
    "Caller",
    "ClientFacts",
    "Decision",
    "Entitlement",
    "Environment",
    "Evidence",
    "Flaw",
    "Happening",
    "HostUser",
    "Meant",
    "Mode",
    "Phase",
    "Reason",
    "Standing",
    "State",
    "Verdict",
    "account",
    "instant",
    "is_account",
    "is_scope",
    "keep",
    "network_of",
    "person_of",
    "subscriber_of",
]
