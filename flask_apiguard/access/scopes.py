"""What a scope means: description, risk and access. A scope that nobody declared counts as sensitive and write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from ..clients import EVERYTHING, changed
from ..db import Transaction
from ..errors import ConfigurationError
from ..ledger import enter
from ..values import SCOPE_RULE, By, Happening, is_scope
from . import tables

#: What has changed, for whoever remembers which scopes there are.
SCOPES = "scopes"


class Risk(StrEnum):
    """How much harm a scope can do in wrong hands; decides how many people look at a request for it."""

    LOW = "low"
    SENSITIVE = "sensitive"
    CRITICAL = "critical"


class Access(StrEnum):
    """Whether a scope only shows, or changes."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Scope:
    """A named permission (RFC 6749, section 3.3). ``sender_constrained`` ones only tokens bound to a key may use."""

    name: str
    description: str = ""
    risk: Risk = Risk.SENSITIVE
    access: Access = Access.WRITE
    sender_constrained: bool = False


class ScopeBook:
    """The scopes that the host declares in code. What an operator's file stores stands above it, see ``stored``."""

    def __init__(self, declared: Mapping[str, Any] | None = None) -> None:
        self._declared = {name: read_scope(name, told) for name, told in (declared or {}).items()}

    def __getitem__(self, name: str) -> Scope:
        return self._declared.get(name) or Scope(name)

    def __contains__(self, name: object) -> bool:
        return name in self._declared

    def __iter__(self) -> Iterator[Scope]:
        return iter(sorted(self._declared.values(), key=lambda scope: scope.name))

    def all(self, source: Transaction | sa.Connection) -> dict[str, Scope]:
        """Declared and stored scopes by name; where both speak, the operator's file does.

        Except that a file does not take away what the code demands: a token that is bound to a key.
        """
        found = stored(source)
        for name, declared in self._declared.items():
            if declared.sender_constrained and name in found:
                found[name] = replace(found[name], sender_constrained=True)
        return {**self._declared, **found}

    def find(self, source: Transaction | sa.Connection, names: Any) -> list[Scope]:
        """The named scopes, each with what it counts as."""
        known = self.all(source)
        return [known.get(name) or Scope(name) for name in sorted(names)]


def read_scope(name: str, told: Any) -> Scope:
    """A scope from what a host or a file says: a sentence, a Scope, or a mapping with description, risk, access and
    sender_constrained.

    :raises ConfigurationError: it says something else, or no scope can have that name.
    """
    if not is_scope(name):
        raise ConfigurationError(f"{repr(name)[:80]} can't be a scope.", SCOPE_RULE)
    if isinstance(told, Scope):
        if told.name != name:
            raise ConfigurationError(f"Under {name!r} stands the scope {told.name!r}.", "Give both one name.")
        return told
    if isinstance(told, str):
        return Scope(name, told)
    try:
        bound = told.get("sender_constrained", False)
        if not isinstance(bound, bool):
            raise ValueError("sender_constrained is true or false")
        return Scope(
            name,
            str(told.get("description", "")),
            Risk(told.get("risk", Risk.SENSITIVE)),
            Access(told.get("access", Access.WRITE)),
            bound,
        )
    except (AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"The scope {name!r} can't be read ({error}).",
            'Write a sentence, or {"description": ..., "risk": "low|sensitive|critical", "access": "read|write", '
            '"sender_constrained": true}.',
        ) from None


def stored(source: Transaction | sa.Connection) -> dict[str, Scope]:
    """The scopes that an operator's file wrote."""
    rows = source.execute(sa.select(tables.scope))
    return {
        row.name: Scope(row.name, row.description, Risk(row.risk), Access(row.access), row.sender_constrained)
        for row in rows
    }


def put_scope(tx: Transaction, by: By, scope: Scope) -> bool:
    """Write what a scope means; False when it already did."""
    before = stored(tx).get(scope.name)
    if before == scope:
        return False
    told = _told(scope)
    table = tables.scope
    if before is None:
        tx.execute(table.insert().values(**told))
    else:
        tx.execute(table.update().where(table.c.name == scope.name).values(**told))
    enter(
        tx, by, Happening.ACCESS_SCOPE_CHANGED, f"scope:{scope.name}",
        before=_told(before) if before else None, after=told,
    )  # fmt: skip
    changed(tx, SCOPES)
    if scope.sender_constrained != (before is not None and before.sender_constrained):
        changed(tx, EVERYTHING)
    return True


def _told(scope: Scope) -> dict[str, Any]:
    return {name: value if isinstance(value, bool) else str(value) for name, value in asdict(scope).items()}
