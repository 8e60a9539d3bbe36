"""What comes in and what goes out, the same before and after."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

STATES = ("open", "sent", "cancelled")


class OrderIn(Schema):
    """A new order."""

    customer_id = fields.Integer(required=True, strict=True, validate=validate.Range(1))
    item = fields.String(required=True, validate=validate.Length(1, 80))
    quantity = fields.Integer(required=True, strict=True, validate=validate.Range(1, 1000))
    note = fields.String(load_default="", validate=validate.Length(0, 500))


class OrderOut(Schema):
    """An order."""

    id = fields.Integer(required=True)
    customer_id = fields.Integer(required=True)
    region = fields.String(required=True)
    item = fields.String(required=True)
    quantity = fields.Integer(required=True)
    cents = fields.Integer(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    note = fields.String(required=True)


class OrdersOut(Schema):
    """A page of orders."""

    orders = fields.List(fields.Nested(OrderOut), required=True)


class OrdersQuery(Schema):
    """Which page."""

    state = fields.String(load_default=None, validate=validate.OneOf(STATES))
    after = fields.Integer(load_default=0, validate=validate.Range(0))
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))


class ShipmentOut(Schema):
    """Where an order is."""

    id = fields.Integer(required=True)
    order_id = fields.Integer(required=True)
    carrier = fields.String(required=True)
    place = fields.String(required=True)


class ShipmentsOut(Schema):
    """Shipments on their way."""

    shipments = fields.List(fields.Nested(ShipmentOut), required=True)
