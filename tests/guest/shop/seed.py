"""The shop's first data: two tenants, three users, ten orders. The same every time."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime, timedelta
from decimal import Decimal

from shop.extensions import db
from shop.models import AccessKey, Customer, Order, Product, Report, Shipment, Tenant, User

PASSWORD = "correct horse"
PARTNER_KEY = "shop-key-of-acme"
FIRST_OF_MARCH = datetime.fromisoformat("2026-03-01T09:30")
END_OF_MARCH = datetime.fromisoformat("2026-03-31")
FIRST_SHIPMENT = uuid.UUID("00000000-0000-4000-8000-000000000001")
FOREIGN_SHIPMENT = uuid.UUID("00000000-0000-4000-8000-000000000009")


def seed() -> None:
    """Fill an empty schema. Orders 1 to 8 belong to tenant north, 9 and 10 to south."""
    north, south = Tenant(id=1, slug="north", name="North"), Tenant(id=2, slug="south", name="South")
    db.session.add_all([north, south])
    db.session.flush()
    people = [("alice@north.example", "Alice", 1, False), ("root@north.example", "Root", 1, True)]
    for email, name, tenant_id, is_admin in [*people, ("bob@south.example", "Bob", 2, False)]:
        user = User(email=email, name=name, tenant_id=tenant_id, is_admin=is_admin)
        user.set_password(PASSWORD)
        db.session.add(user)
    digest = hashlib.sha256(PARTNER_KEY.encode()).hexdigest()
    db.session.add(AccessKey(tenant_id=1, label="Acme's integration", digest=digest))
    products = [("NB-0001", 1, "Notebook", "4.50", 100), ("PN-0002", 1, "Pen", "1.20", 500)]
    for sku, tenant_id, title, price, stock in [*products, ("LP-0003", 2, "Lamp", "39.00", 7)]:
        db.session.add(Product(sku=sku, tenant_id=tenant_id, title=title, price=Decimal(price), stock=stock))
    for ident, tenant_id, name in [(1, 1, "Zoë Bakery"), (2, 1, "Mill & Sons"), (3, 2, "Lighthouse")]:
        db.session.add(Customer(id=ident, tenant_id=tenant_id, name=name, email=f"c{ident}@mail.example", tags=["old"]))
    db.session.flush()
    _orders()
    db.session.add(Report(id=1, tenant_id=1, kind="sales", figures={"orders": 8}, created_at=END_OF_MARCH))
    db.session.add(Report(id=2, tenant_id=2, kind="sales", figures={"orders": 2}, created_at=END_OF_MARCH))
    db.session.commit()


def _orders() -> None:
    for ident in range(1, 11):
        north = ident <= 8
        db.session.add(
            Order(
                id=ident,
                tenant_id=1 if north else 2,
                customer_id=(1 + ident % 2) if north else 3,
                sku="NB-0001" if north else "LP-0003",
                quantity=ident,
                total=Decimal("4.50" if north else "39.00") * ident,
                status="shipped" if ident == 1 else "open",
                placed_at=FIRST_OF_MARCH + timedelta(days=ident // 2),
            )
        )
    db.session.flush()
    db.session.add(Shipment(id=1, ref=FIRST_SHIPMENT, order_id=1, carrier="Swift", status="in transit"))
    db.session.add(Shipment(id=2, ref=FOREIGN_SHIPMENT, order_id=9, carrier="Swift"))
