"""Orders."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from flask import Blueprint, Response, abort, current_app, g, jsonify, request, send_file, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from shop.access import identify_tenant, own
from shop.api.payload import body, demand
from shop.errors import OutOfStock
from shop.extensions import db
from shop.models import ORDER_STATES, Customer, Order, Product

bp = Blueprint("orders", __name__, url_prefix="/api/v1/orders")
bp.before_request(identify_tenant)


@bp.get("")
def list_orders() -> ResponseReturnValue:
    query = db.select(Order).filter_by(tenant_id=g.tenant.id).order_by(Order.id)
    status = request.args.get("status")
    if status is not None:
        if status not in ORDER_STATES:
            abort(400, f"status is one of {', '.join(ORDER_STATES)}.")
        query = query.filter_by(status=status)
    page = db.paginate(query, per_page=request.args.get("limit", current_app.config["PAGE_SIZE"], int), max_per_page=50)
    following = url_for(".list_orders", page=page.next_num, limit=page.per_page) if page.has_next else None
    answer: Response = jsonify(items=[order.as_dict() for order in page], total=page.total, next=following)
    answer.headers["X-Total-Count"] = str(page.total)
    return answer


@bp.post("")
def create_order() -> ResponseReturnValue:
    sent = body(customer=int, sku=str, quantity=int, note=str)
    demand(sent, "customer", "sku", "quantity")
    customer, product = own(Customer, sent["customer"]), own(Product, sent["sku"])
    if sent["quantity"] < 1:
        abort(422, "quantity must be at least 1.")
    if sent["quantity"] > product.stock:
        raise OutOfStock(product.sku, product.stock)
    product.stock -= sent["quantity"]
    order = Order(
        tenant_id=g.tenant.id,
        customer_id=customer.id,
        sku=product.sku,
        quantity=sent["quantity"],
        total=product.price * sent["quantity"],
        note=sent.get("note", ""),
    )
    db.session.add(order)
    db.session.commit()
    return order.as_dict(), 201, {"Location": url_for(".get_order", order_id=order.id)}


@bp.get("/<int:order_id>")
def get_order(order_id: int) -> ResponseReturnValue:
    answer: Response = jsonify(own(Order, order_id).as_dict())
    answer.add_etag()
    return answer.make_conditional(request)


@bp.patch("/<int:order_id>")
def change_order(order_id: int) -> ResponseReturnValue:
    order = own(Order, order_id)
    sent = body(note=str, status=str)
    if sent.get("status", order.status) not in ORDER_STATES:
        abort(422, "Unknown status.")
    order.note, order.status = sent.get("note", order.note), sent.get("status", order.status)
    db.session.commit()
    return order.as_dict()


@bp.delete("/<int:order_id>")
def delete_order(order_id: int) -> ResponseReturnValue:
    order = own(Order, order_id)
    if order.status == "shipped":
        abort(409, "It is on its way.")
    db.session.delete(order)
    db.session.commit()
    return "", 204


@bp.post("/<int:order_id>/cancel")
def cancel_order(order_id: int) -> ResponseReturnValue:
    order = own(Order, order_id)
    order.status = "cancelled"
    db.session.commit()
    return order.as_dict()


@bp.get("/by-day/<date:day>")
def orders_of_day(day: date) -> ResponseReturnValue:
    start = datetime.combine(day, time())
    query = db.select(Order).filter_by(tenant_id=g.tenant.id).order_by(Order.id)
    found = db.session.scalars(query.filter(Order.placed_at.between(start, start + timedelta(days=1))))
    return [order.as_dict() for order in found]


@bp.get("/export.csv")
def export() -> Response:
    """Every order, written line by line."""

    def lines() -> Iterator[str]:
        yield "id,sku,quantity,total,status\r\n"
        query = db.select(Order).filter_by(tenant_id=g.tenant.id).order_by(Order.id).execution_options(yield_per=100)
        for order in db.session.scalars(query):
            line = io.StringIO()
            csv.writer(line).writerow([order.id, order.sku, order.quantity, f"{order.total:.2f}", order.status])
            yield line.getvalue()

    headers = {"Content-Disposition": "attachment; filename=orders.csv"}
    return Response(stream_with_context(lines()), mimetype="text/csv", headers=headers)


@bp.get("/<int:order_id>/invoice")
def invoice(order_id: int) -> Response:
    order = own(Order, order_id)
    text = f"Invoice {order.id}\n{order.customer.name}\n{order.quantity} x {order.sku}\nTotal {order.total:.2f}\n"
    made = io.BytesIO(text.encode())
    return send_file(made, mimetype="text/plain", as_attachment=True, download_name=f"invoice-{order.id}.txt")
