"""What takes a token that is bound to a key or certificate of its client (RFC 9449, RFC 8705): by scope, or by plan.

Asked when a caller is found, not at each call: a change of the answer turns every caller stale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import sqlalchemy as sa

from ..clients import EVERYTHING, Memory, Watch
from ..db import Store
from ..values import Caller
from .scopes import ScopeBook

#: Whether a plan, by its name, wants it of everything.
OfPlan = Callable[[sa.Connection, str], bool]


class Constraints:
    """Answers from memory, once the store was asked. ``default_plan`` is for clients without one."""

    def __init__(
        self, store: Store, watch: Watch, scopes: ScopeBook, of_plan: OfPlan, default_plan: str | None
    ) -> None:
        self._store = store
        self._watch = watch
        self._scopes = scopes
        self._of_plan = of_plan
        self._default = default_plan
        self._memory: Memory[tuple[bool, frozenset[str]]] = watch.memory(1000)

    @property
    def version(self) -> int:
        """Moves with whatever may turn an answer of ``of`` stale."""
        return self._memory.version

    def of(self, plan: str | None, scopes: frozenset[str]) -> tuple[bool, frozenset[str]]:
        """Whether a plan wants it of everything; and which of these scopes take it. Not inside a transaction.

        :raises StoreAway: nobody can tell.
        """
        self._watch.look()
        name = plan or self._default or ""
        found = self._memory.get(name)
        if found is None:
            version = self._memory.version
            with self._store.read() as conn:
                names = frozenset(one.name for one in self._scopes.all(conn).values() if one.sender_constrained)
                found = (bool(name) and self._of_plan(conn, name), names)
            self._memory.put(name, found, (EVERYTHING,), version)
        return found[0], scopes if found[0] else scopes & found[1]

    def applied(self, caller: Caller) -> Caller:
        """A client by a credential that is bound to nothing, without what takes one that is.

        :raises StoreAway: nobody can tell.
        """
        if caller.cnf is not None or caller.client is None:
            return caller
        everything, withheld = self.of(caller.client.plan, caller.scopes)
        if not everything and not withheld:
            return caller
        return replace(caller, scopes=caller.scopes - withheld, withheld=withheld, must_bind=everything)
