"""The pages of the staff."""

from __future__ import annotations

from flask import Blueprint, Response, abort, current_app, redirect, render_template, request, stream_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required
from sqlalchemy.orm import joinedload

from shop.extensions import db
from shop.models import Order

bp = Blueprint("pages", __name__)


@bp.get("/")
def index() -> str:
    return render_template("index.html")


@bp.get("/dashboard")
@login_required
def dashboard() -> str:
    counts = db.session.execute(
        db.select(Order.status, db.func.count()).filter_by(tenant_id=current_user.tenant_id).group_by(Order.status)
    ).all()
    return render_template("dashboard.html", counts=counts)


@bp.get("/orders")
@login_required
def orders() -> str:
    query = db.select(Order).filter_by(tenant_id=current_user.tenant_id).order_by(Order.id)
    page = db.paginate(query, per_page=5, max_per_page=5)
    return render_template("orders.html", page=page)


@bp.get("/orders/<int:order_id>")
@login_required
def order(order_id: int) -> str:
    found = db.get_or_404(Order, order_id)
    if found.tenant_id != current_user.tenant_id:
        abort(404)
    return render_template("order.html", order=found)


@bp.get("/orders/print")
@login_required
def print_orders() -> Response:
    """One long page, written as it is made."""
    query = db.select(Order).filter_by(tenant_id=current_user.tenant_id).order_by(Order.id)
    rows = db.session.scalars(query.options(joinedload(Order.customer))).all()
    return Response(stream_template("print.html", orders=rows), mimetype="text/html")


@bp.get("/board")
@login_required
def board() -> str:
    """A page whose script reads and writes the JSON API with the session cookie."""
    return render_template("board.html")


@bp.get("/my-orders")
def old_orders() -> ResponseReturnValue:
    return redirect(url_for(".orders", **request.args), 301)


@bp.get("/robots.txt")
def robots() -> Response:
    return current_app.send_static_file("robots.txt")
