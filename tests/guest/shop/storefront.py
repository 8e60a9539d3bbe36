"""The public shop window of one tenant. The tenant's slug is taken out of the URL before any view runs."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from shop.extensions import db
from shop.models import Product, Tenant

bp = Blueprint("storefront", __name__, url_prefix="/t/<tenant_slug>")


@bp.url_value_preprocessor
def pull_tenant(endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.tenant = db.first_or_404(db.select(Tenant).filter_by(slug=(values or {}).pop("tenant_slug", None)))


@bp.url_defaults
def push_tenant(endpoint: str, values: dict[str, Any]) -> None:
    if "tenant" in g:
        values.setdefault("tenant_slug", g.tenant.slug)


@bp.get("/")
def window() -> str:
    products = db.session.scalars(db.select(Product).filter_by(tenant_id=g.tenant.id).order_by(Product.sku)).all()
    return render_template("window.html", products=products)


@bp.get("/products/<sku:sku>")
def product(sku: str) -> str:
    return render_template("product.html", product=_product(sku))


@bp.post("/cart")
def add_to_cart() -> ResponseReturnValue:
    found = _product(request.form["sku"])
    cart = session.setdefault("cart", {})
    cart[found.sku] = cart.get(found.sku, 0) + 1
    session.modified = True
    flash(f"{found.title} is in your cart.", "info")
    return redirect(url_for(".window"))


def _product(sku: str) -> Product:
    found = db.session.get(Product, sku)
    if found is None or found.tenant_id != g.tenant.id:
        abort(404)
    return found
