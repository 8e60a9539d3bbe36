"""The catalogue: a blueprint within a blueprint, and a path converter."""

from __future__ import annotations

from flask import Blueprint, abort, after_this_request, g, make_response
from flask.typing import ResponseReturnValue
from flask.wrappers import Response

from shop.access import identify_tenant, own
from shop.extensions import db
from shop.models import Product

bp = Blueprint("catalogue", __name__, url_prefix="/api/v1/catalogue")
products = Blueprint("products", __name__, url_prefix="/products")
bp.before_request(identify_tenant)


@products.get("/")
def list_products() -> ResponseReturnValue:
    found = db.session.scalars(db.select(Product).filter_by(tenant_id=g.tenant.id).order_by(Product.sku))
    return [product.as_dict() for product in found]


@products.get("/<sku:sku>")
def get_product(sku: str) -> ResponseReturnValue:
    @after_this_request
    def mark(response: Response) -> Response:
        response.headers["X-Sku"] = sku
        return response

    return own(Product, sku).as_dict()  # type: ignore[no-any-return]


@bp.get("/tree", defaults={"branch": ""})
@bp.get("/tree/<path:branch>")
def tree(branch: str) -> ResponseReturnValue:
    if branch.startswith("hidden"):
        abort(make_response({"reason": "hidden"}, 410))
    return {"branch": [part for part in branch.split("/") if part]}


bp.register_blueprint(products)
