"""Scopes, roles and policies: who may, and why not."""

from .constraints import Constraints
from .decide import Policies, Policy, authorize, check_rule, decide
from .grants import Grant, Role, end, entitle, give, grants_of, put_role, roles, roles_of, set_roles
from .scopes import SCOPES, Access, Risk, Scope, ScopeBook, put_scope, read_scope, stored

__all__ = [
    "SCOPES",
    "Access",
    "Constraints",
    "Grant",
    "Policies",
    "Policy",
    "Risk",
    "Role",
    "Scope",
    "ScopeBook",
    "authorize",
    "check_rule",
    "decide",
    "end",
    "entitle",
    "give",
    "grants_of",
    "put_role",
    "put_scope",
    "read_scope",
    "roles",
    "roles_of",
    "set_roles",
    "stored",
]
