"""For our own office tool. It reads only `ok`, so that every failure here is an answer of status 200."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from flask_login import current_user
from werkzeug.exceptions import HTTPException

from shop.extensions import db
from shop.models import Customer, Order, User

bp = Blueprint("admin", __name__, url_prefix="/api/v1/admin")


@bp.errorhandler(Exception)
def failed(error: Exception) -> ResponseReturnValue:
    reason = error.description if isinstance(error, HTTPException) else type(error).__name__
    answer: Response = jsonify(ok=False, reason=reason)
    return answer


@bp.before_request
def admins_only() -> None:
    if request.method != "OPTIONS" and not getattr(current_user, "is_admin", False):
        abort(403, "For administrators.")


@bp.after_request
def not_stored(response: Response) -> Response:
    response.headers["X-Office"] = "1"
    return response


@bp.get("/stats")
def stats() -> ResponseReturnValue:
    count = {model.__name__.lower(): db.session.query(model).count() for model in (User, Customer, Order)}
    return {"ok": True, "count": count}


@bp.get("/users")
def users() -> ResponseReturnValue:
    found = db.session.scalars(db.select(User).order_by(User.id))
    return {"ok": True, "users": [{"id": user.id, "email": user.email} for user in found]}


@bp.post("/customers/<int:customer_id>/lock")
def lock(customer_id: int) -> ResponseReturnValue:
    customer = db.get_or_404(Customer, customer_id, description="No such customer.")
    customer.locked = not customer.locked
    db.session.commit()
    return {"ok": True, "locked": customer.locked}


@bp.get("/settings/<name>")
def setting(name: str) -> ResponseReturnValue:
    """Fails with a KeyError on anything that is not there."""
    return {"ok": True, "value": {"page_size": current_app.config["PAGE_SIZE"]}[name]}
