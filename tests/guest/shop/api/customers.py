"""Customers, as class-based views."""

from __future__ import annotations

from flask import Blueprint, abort, g, url_for
from flask.typing import ResponseReturnValue
from flask.views import MethodView

from shop.access import identify_tenant, own
from shop.api.payload import body, demand
from shop.extensions import db
from shop.models import Customer, Order

bp = Blueprint("customers", __name__, url_prefix="/api/v1/customers")


class Customers(MethodView):
    """The collection."""

    def get(self) -> ResponseReturnValue:
        found = db.session.scalars(db.select(Customer).filter_by(tenant_id=g.tenant.id).order_by(Customer.id))
        return {"items": [customer.as_dict() for customer in found]}

    def post(self) -> ResponseReturnValue:
        sent = body(name=str, email=str, tags=list)
        demand(sent, "name", "email")
        if "@" not in sent["email"]:
            abort(422, "email is not an address.")
        customer = Customer(tenant_id=g.tenant.id, **sent)
        db.session.add(customer)
        db.session.commit()
        return customer.as_dict(), 201, {"Location": url_for("customers.item", customer_id=customer.id)}


class CustomerItem(MethodView):
    """One of them; kept between requests, so that it must hold no state."""

    init_every_request = False

    def get(self, customer_id: int) -> ResponseReturnValue:
        return own(Customer, customer_id).as_dict()  # type: ignore[no-any-return]

    def patch(self, customer_id: int) -> ResponseReturnValue:
        customer = own(Customer, customer_id)
        for name, value in body(name=str, email=str, tags=list).items():
            setattr(customer, name, value)
        db.session.commit()
        return customer.as_dict()  # type: ignore[no-any-return]

    def delete(self, customer_id: int) -> ResponseReturnValue:
        customer = own(Customer, customer_id)
        if db.session.scalar(db.select(db.exists(Order).where(Order.customer_id == customer.id))):
            abort(409, "There are orders.")
        db.session.delete(customer)
        db.session.commit()
        return "", 204


@bp.before_request
def who() -> None:
    identify_tenant()


bp.add_url_rule("/", view_func=Customers.as_view("collection"))
bp.add_url_rule("/<int:customer_id>", view_func=CustomerItem.as_view("item"))


@bp.put("/<int:customer_id>/tags", strict_slashes=False)
def set_tags(customer_id: int) -> ResponseReturnValue:
    customer = own(Customer, customer_id)
    customer.tags = body(tags=list).get("tags", [])
    db.session.commit()
    return customer.as_dict()  # type: ignore[no-any-return]
