"""What carriers, the payment provider and the warehouse send us; each signs the raw body (HMAC-SHA-256, hex)."""

from __future__ import annotations

import functools
import hashlib
import hmac
import uuid
from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, current_app, request
from flask.typing import ResponseReturnValue

from shop.extensions import db
from shop.models import SHIPMENT_STATES, Order, Product, Shipment

bp = Blueprint("webhooks", __name__)


def signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signed(sender: str) -> Callable[[Callable[..., ResponseReturnValue]], Callable[..., ResponseReturnValue]]:
    def decorate(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
        @functools.wraps(view)
        def checked(**values: Any) -> ResponseReturnValue:
            expected = signature(current_app.config["WEBHOOK_SECRETS"][sender], request.get_data())
            if not hmac.compare_digest(expected, request.headers.get("X-Signature", "")):
                abort(403, "Bad signature.")
            return view(**values)

        return checked

    return decorate


@bp.post("/webhooks/carrier")
@signed("carrier")
def carrier() -> ResponseReturnValue:
    news = request.get_json()
    shipment = db.first_or_404(db.select(Shipment).filter_by(ref=uuid.UUID(news["ref"])))
    if news["status"] not in SHIPMENT_STATES:
        abort(422, "Unknown status.")
    shipment.status = news["status"]
    db.session.commit()
    return {"ok": True}


@bp.post("/webhooks/payments")
@signed("payments")
def payments() -> ResponseReturnValue:
    order = db.get_or_404(Order, request.form.get("order", type=int))
    order.status = "paid"
    db.session.commit()
    return "", 204


@bp.post("/api/v1/hooks/stock")
@signed("stock")
def stock() -> ResponseReturnValue:
    """Under the API's prefix for historical reasons."""
    levels = request.get_json()
    for sku, level in levels.items():
        product = db.session.get(Product, sku)
        if product is not None:
            product.stock = int(level)
    db.session.commit()
    return {"updated": len(levels)}
