"""How something that is there is changed: looked up, acted on, and told how it stands after that."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..db import Transaction
    from .call import Answer, Call

Thing = TypeVar("Thing")
Changed = TypeVar("Changed")


def act_on(
    call: Call,
    look_up: Callable[[Transaction], Thing],
    act: Callable[[Transaction, Thing], Changed],
    answer: Callable[[sa.Connection, Changed], Answer],
) -> Answer:
    """Look a thing up and act on it in one transaction, then answer from a connection of its own.

    What comes next hangs on the calls that were observed: the event store is not asked while others wait to write.
    """
    with call.write() as tx:
        changed = act(tx, look_up(tx))
    with call.read() as conn:
        return answer(conn, changed)
