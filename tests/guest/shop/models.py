"""The shop's tables."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from flask import current_app
from flask_login import UserMixin
from sqlalchemy import JSON, ForeignKey, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column, relationship
from werkzeug.security import check_password_hash, generate_password_hash

from shop.extensions import db

ORDER_STATES = ("open", "paid", "shipped", "cancelled")
SHIPMENT_STATES = ("waiting", "in transit", "delivered")


def utcnow() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Tenant(db.Model):  # type: ignore[name-defined,misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(80))


class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenant.id"))
    email: Mapped[str] = mapped_column(String(120), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    password_hash: Mapped[str] = mapped_column(String(200))
    is_admin: Mapped[bool] = mapped_column(default=False)
    preferences: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    tenant: Mapped[Tenant] = relationship()

    def set_password(self, password: str) -> None:
        self.password_hash = generate_password_hash(password, method=current_app.config["PASSWORD_METHOD"])

    def check_password(self, password: str) -> bool:
        return check_password_hash(self.password_hash, password)


class AccessKey(db.Model):  # type: ignore[name-defined,misc]
    """A partner's key, as the shop has always made them: SHA-256 of the key, nothing more."""

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenant.id"))
    label: Mapped[str] = mapped_column(String(80))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    tenant: Mapped[Tenant] = relationship()


class Customer(db.Model):  # type: ignore[name-defined,misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenant.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    email: Mapped[str] = mapped_column(String(120))
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    locked: Mapped[bool] = mapped_column(default=False)

    def as_dict(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "email": self.email, "tags": self.tags, "locked": self.locked}


class Product(db.Model):  # type: ignore[name-defined,misc]
    sku: Mapped[str] = mapped_column(String(7), primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenant.id"), index=True)
    title: Mapped[str] = mapped_column(String(80))
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    stock: Mapped[int]

    def as_dict(self) -> dict[str, Any]:
        return {"sku": self.sku, "title": self.title, "price": self.price, "stock": self.stock}


class Order(db.Model):  # type: ignore[name-defined,misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenant.id"), index=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    sku: Mapped[str] = mapped_column(ForeignKey("product.sku"))
    quantity: Mapped[int]
    total: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    status: Mapped[str] = mapped_column(String(12), default="open")
    note: Mapped[str] = mapped_column(String(200), default="")
    placed_at: Mapped[datetime] = mapped_column(default=utcnow)
    customer: Mapped[Customer] = relationship()

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "customer": {"id": self.customer_id, "name": self.customer.name},
            "sku": self.sku,
            "quantity": self.quantity,
            "total": self.total,
            "status": self.status,
            "note": self.note,
            "placed_at": self.placed_at,
        }


class Shipment(db.Model):  # type: ignore[name-defined,misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    ref: Mapped[uuid.UUID] = mapped_column(default=uuid.uuid4, unique=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"))
    carrier: Mapped[str] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(12), default="waiting")
    order: Mapped[Order] = relationship()

    def as_dict(self) -> dict[str, Any]:
        return {"ref": self.ref, "order_id": self.order_id, "carrier": self.carrier, "status": self.status}


class Document(db.Model):  # type: ignore[name-defined,misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    shipment_id: Mapped[int] = mapped_column(ForeignKey("shipment.id"))
    filename: Mapped[str] = mapped_column(String(120))
    stored_as: Mapped[str] = mapped_column(String(120))
    size: Mapped[int]
    shipment: Mapped[Shipment] = relationship()


class Report(db.Model):  # type: ignore[name-defined,misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenant.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    figures: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    def as_dict(self) -> dict[str, Any]:
        return {"id": self.id, "kind": self.kind, "figures": self.figures, "created_at": self.created_at}
