"""Going through everything of a kind that the actor may see, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..clients import registry
from ..clients.registry import Application, Organization
from ..people import Act, may
from .common import Desk

PAGE = 200


def every_organization(conn: Any) -> Iterator[Organization]:
    """All of them, in the order of their making."""
    after = ""
    while True:
        page = registry.organizations(conn, after=after, limit=PAGE)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].id


def every_application(
    desk: Desk, conn: Any, act: Act, organization_id: str | None = None, **narrowing: Any
) -> Iterator[Application]:
    """All that the actor may do ``act`` to, in the order of their making.

    :raises Missing: the actor has nothing to do with the organization named.
    """
    if organization_id is not None:
        desk.demand(act, organization_id)
        registry.organization(conn, organization_id)
        narrowing["organization_ids"] = [organization_id]
    after = ""
    while True:
        page = registry.applications(conn, after=after, limit=PAGE, **narrowing)
        yield from (one for one in page if may(desk.by, act, one.organization_id))
        if len(page) < PAGE:
            return
        after = page[-1].id
