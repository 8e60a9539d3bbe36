"""Pages of lists: ``items`` and the ``cursor`` of the page after them; None at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import Invalid
from ..values import Flaw
from .call import Answer, Call, Next
from .fields import ID


def page(call: Call, read: Callable[[str, int], Sequence[Any]], follow: Sequence[Next] = ()) -> Answer:
    """One page of what ``read(after, limit)`` brings in the order of ids; the cursor is the last id."""
    limit, cursor = call.query["limit"], call.query.get("cursor", "")
    if cursor and ID.fullmatch(cursor) is None:
        raise no_cursor()
    found = list(read(cursor, limit + 1))
    more = found[limit - 1].id if len(found) > limit else None
    return Answer(found[:limit], follow, cursor=more)


def no_cursor() -> Invalid:
    """What a made-up cursor is answered with."""
    return Invalid([Flaw("/cursor", "This is not a cursor that a page gave.", "query")])
