"""Who an API call is for."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from flask import abort, current_app, g, request
from flask_login import current_user

P = ParamSpec("P")
R = TypeVar("R")


def session_or_key() -> str | None:
    """The slug of the signed-in user's tenant, else of the tenant whose key is in `X-Shop-Key`, else None."""
    if current_user.is_authenticated:
        return str(current_user.tenant.slug)
    presented = request.headers.get("X-Shop-Key")
    if presented:
        from shop.extensions import db
        from shop.models import AccessKey

        digest = hashlib.sha256(presented.encode()).hexdigest()
        key = db.session.scalar(db.select(AccessKey).filter_by(digest=digest))
        if key is not None:
            return str(key.tenant.slug)
    return None


def identify_tenant() -> None:
    """Set `g.tenant`, or answer 401. A `before_request` hook of every API blueprint."""
    if request.method == "OPTIONS":
        return
    from shop.extensions import db
    from shop.models import Tenant

    slug = current_app.config["API_IDENTITY"]()
    tenant = db.session.scalar(db.select(Tenant).filter_by(slug=slug)) if slug else None
    if tenant is None:
        abort(401, "Sign in, or send your key in X-Shop-Key.")
    g.tenant = tenant


def tenant_required(view: Callable[P, R]) -> Callable[P, R]:
    """The same for a view that stands on no blueprint."""

    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        identify_tenant()
        return view(*args, **kwargs)

    return guarded


def own(model: type[Any], ident: object) -> Any:
    """The row of this tenant with that id; 404 when there is none, or when it is somebody else's."""
    from shop.extensions import db

    row = db.session.get(model, ident)
    if row is None or row.tenant_id != g.tenant.id:
        abort(404, f"No {model.__name__.lower()} {ident}.")
    return row
