"""The API, opened to partners. What changed since ``before``: rules on the views, and whose rows they show.

A view runs only when the gate admitted the request, so none of them asks again who is there or what was sent.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, stream_with_context
from flask.typing import ResponseReturnValue

from flask_apiguard import accepts, limit, public, require, returns

from . import data
from .guard import guard
from .regions import region
from .schemas import OrderIn, OrderOut, OrdersOut, OrdersQuery, ShipmentsOut

api = Blueprint("api", __name__, url_prefix="/api/v1")


@api.get("/health")
@public("the load balancer asks every few seconds", record=False)
def health() -> ResponseReturnValue:
    """Whether this app can read its data."""
    data.rows("SELECT 1")
    return {"status": "ok"}


@api.get("/orders")
@require("orders:read")
@accepts(OrdersQuery, location="query", into="query")
@returns(OrdersOut)
def orders(query: dict[str, Any]) -> ResponseReturnValue:
    """A page of orders."""
    return {"orders": data.orders(region(), **query)}


@api.post("/orders")
@require("orders:write")
@limit("5/second")
@accepts(OrderIn, into="order")
@returns(OrderOut, status=201)
def place_order(order: dict[str, Any]) -> ResponseReturnValue:
    """Take an order."""
    try:
        return data.place(region(), **order), 201
    except data.UnknownItem as error:
        return {"error": f"We don't sell this: {error}."}, 409


@api.get("/orders/<int:number>")
@require("orders:read")
@returns(OrderOut)
def order(number: int) -> ResponseReturnValue:
    """One order."""
    found = data.order(number) or abort(404)
    guard.authorize("orders:read", found)
    return found


@api.post("/orders/<int:number>/cancellation")
@require("orders:write")
@returns(OrderOut)
def cancel_order(number: int) -> ResponseReturnValue:
    """Cancel an order that is still open."""
    guard.authorize("orders:write", data.order(number) or abort(404))
    return data.cancel(number) or ({"error": "It isn't open any more."}, 409)


@api.get("/orders.csv")
@require("orders:read")
def export() -> ResponseReturnValue:
    """All orders as a stream of CSV. It ends when the key is revoked meanwhile."""
    return Response(stream_with_context(data.export(region())), mimetype="text/csv")


@api.get("/shipments")
@require("shipments:read")
@returns(ShipmentsOut)
def shipments() -> ResponseReturnValue:
    """Where sent orders are."""
    return {"shipments": data.shipments(region())}


@api.get("/reports/spending")
@require("reports:read")
def spending() -> ResponseReturnValue:
    """What each customer spends."""
    return {"customers": data.spending(region())}
