"""The API as it was before it was opened: for the company's own people, by their session. Compare with ``api``."""

from __future__ import annotations

from flask import Blueprint, Response, abort, request, stream_with_context
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from . import data, staff
from .schemas import OrderIn, OrderOut, OrdersOut, OrdersQuery, ShipmentsOut

api = Blueprint("api", __name__, url_prefix="/api/v1")


@api.before_request
def only_our_own_people() -> ResponseReturnValue | None:
    """The whole of its access control."""
    if request.endpoint == "api.health" or staff.signed_in() is not None:
        return None
    return {"error": "Sign in."}, 401


@api.errorhandler(ValidationError)
def invalid(error: ValidationError) -> ResponseReturnValue:
    """What marshmallow found."""
    return {"errors": error.messages}, 422


@api.get("/health")
def health() -> ResponseReturnValue:
    """Whether this app can read its data."""
    data.rows("SELECT 1")
    return {"status": "ok"}


@api.get("/orders")
def orders() -> ResponseReturnValue:
    """A page of orders."""
    query = OrdersQuery().load(request.args)
    return OrdersOut().dump({"orders": data.orders(None, **query)})


@api.post("/orders")
def place_order() -> ResponseReturnValue:
    """Take an order."""
    try:
        return OrderOut().dump(data.place(None, **OrderIn().load(request.get_json()))), 201
    except data.UnknownItem as error:
        return {"error": f"We don't sell this: {error}."}, 409


@api.get("/orders/<int:number>")
def order(number: int) -> ResponseReturnValue:
    """One order."""
    return OrderOut().dump(data.order(number) or abort(404))


@api.post("/orders/<int:number>/cancellation")
def cancel_order(number: int) -> ResponseReturnValue:
    """Cancel an order that is still open."""
    data.order(number) or abort(404)
    cancelled = data.cancel(number)
    return OrderOut().dump(cancelled) if cancelled else ({"error": "It isn't open any more."}, 409)


@api.get("/orders.csv")
def export() -> ResponseReturnValue:
    """All orders as a stream of CSV."""
    return Response(stream_with_context(data.export(None)), mimetype="text/csv")


@api.get("/shipments")
def shipments() -> ResponseReturnValue:
    """Where sent orders are."""
    return ShipmentsOut().dump({"shipments": data.shipments(None)})


@api.get("/reports/spending")
def spending() -> ResponseReturnValue:
    """What each customer spends."""
    return {"customers": data.spending(None)}
