"""The company's own data in its own SQLite file. Nothing here knows of the gate.

Region None means all of them. The region ``sandbox`` holds samples: the warehouse never packs what is ordered there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from flask import Flask, current_app, g
from werkzeug.security import generate_password_hash

FILE = "tidewater.db"
SANDBOX = "sandbox"
PRICES = {"anchor 15 kg": 18900, "fender 60 cm": 4250, "rope 12 mm, 50 m": 6900, "winch handle": 3700}
TABLES = """
CREATE TABLE staff (id INTEGER PRIMARY KEY, email TEXT UNIQUE NOT NULL, name TEXT NOT NULL, password TEXT NOT NULL);
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, region TEXT NOT NULL);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers, region TEXT NOT NULL, item TEXT NOT NULL,
    quantity INTEGER NOT NULL, cents INTEGER NOT NULL, state TEXT NOT NULL, note TEXT NOT NULL DEFAULT ''
);
CREATE TABLE shipments (
    id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders, carrier TEXT NOT NULL, place TEXT NOT NULL
);
"""
CUSTOMERS = (
    (1, "Fisher & Daughters", "north"), (2, "Nordhavn Sailing School", "north"), (3, "Porto Azul Charter", "south"),
    (4, "Isla Boatyard", "south"), (5, "Sample Chandlery", SANDBOX),
)  # fmt: skip
#: For trying the app; a company would have made its own.
STAFF = ((1, "mara@tidewater.example", "Mara Holm"), (2, "joel@tidewater.example", "Joel Brandt"))
STAFF_PASSWORD = "spring tide at noon"


class UnknownItem(LookupError):
    """There is no such item, or no such customer in the region."""


def init_app(app: Flask) -> None:
    """Make and fill the file when it is not there."""
    app.teardown_appcontext(close)
    path = Path(app.instance_path) / FILE
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        seed(fresh)
        fresh.replace(path)  # whole or not at all


def seed(path: Path) -> None:
    """A few months of business."""
    password = generate_password_hash(STAFF_PASSWORD)
    with sqlite3.connect(path) as conn:
        conn.executescript(TABLES)
        conn.executemany("INSERT INTO staff VALUES (?, ?, ?, ?)", [(*one, password) for one in STAFF])
        conn.executemany("INSERT INTO customers VALUES (?, ?, ?)", CUSTOMERS)
        items = list(PRICES)
        for number in range(1, 61):
            customer, _, region = CUSTOMERS[number % len(CUSTOMERS)]
            item, quantity = items[number % len(items)], 1 + number % 7
            state = ("open", "sent", "sent", "cancelled")[number % 4]
            row = (number, customer, region, item, quantity, quantity * PRICES[item], state, "")
            conn.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            if state == "sent":
                sent = (number, ("Rotterdam", "Aarhus", "delivered")[number % 3])
                conn.execute("INSERT INTO shipments (order_id, carrier, place) VALUES (?, 'Seapost', ?)", sent)
    conn.close()


def db() -> sqlite3.Connection:
    """This request's connection."""
    if "db" not in g:
        g.db = sqlite3.connect(Path(current_app.instance_path) / FILE, timeout=10)
        g.db.row_factory = sqlite3.Row
    return cast(sqlite3.Connection, g.db)


def close(_error: BaseException | None = None) -> None:
    """Let go of this request's connection."""
    conn = g.pop("db", None)
    if conn is not None:
        conn.close()


def rows(query: str, **values: Any) -> list[dict[str, Any]]:
    """All rows of a query."""
    return [dict(row) for row in db().execute(query, values)]


def member(email: str) -> dict[str, Any] | None:
    """Who of the staff has this address."""
    return next(iter(rows("SELECT * FROM staff WHERE email = :email", email=email)), None)


def orders(region: str | None, state: str | None = None, after: int = 0, limit: int = 20) -> list[dict[str, Any]]:
    """Orders by number."""
    return rows(
        "SELECT * FROM orders WHERE (:region IS NULL OR region = :region) AND (:state IS NULL OR state = :state)"
        " AND id > :after ORDER BY id LIMIT :limit",
        region=region, state=state, after=after, limit=limit,
    )  # fmt: skip


def order(number: int) -> dict[str, Any] | None:
    """One order of any region."""
    return next(iter(rows("SELECT * FROM orders WHERE id = :number", number=number)), None)


def place(region: str | None, customer_id: int, item: str, quantity: int, note: str = "") -> dict[str, Any]:
    """Take an order.

    :raises UnknownItem: the company doesn't sell it, or not to this customer in this region.
    """
    here = "SELECT * FROM customers WHERE id = :id AND (:region IS NULL OR region = :region)"
    found = rows(here, id=customer_id, region=region)
    if item not in PRICES or not found:
        raise UnknownItem(item if found else f"customer {customer_id}")
    with db() as conn:
        made = conn.execute(
            "INSERT INTO orders (customer_id, region, item, quantity, cents, state, note)"
            " VALUES (?, ?, ?, ?, ?, 'open', ?) RETURNING *",
            (customer_id, found[0]["region"], item, quantity, quantity * PRICES[item], note),
        ).fetchone()
    return dict(made)


def cancel(number: int) -> dict[str, Any] | None:
    """Cancel an order; None when it is not open any more."""
    with db() as conn:
        made = conn.execute(
            "UPDATE orders SET state = 'cancelled' WHERE id = ? AND state = 'open' RETURNING *", (number,)
        ).fetchone()
    return dict(made) if made else None


def shipments(region: str | None) -> list[dict[str, Any]]:
    """Where sent orders are."""
    return rows(
        "SELECT shipments.* FROM shipments JOIN orders ON orders.id = order_id"
        " WHERE :region IS NULL OR region = :region ORDER BY shipments.id", region=region,
    )  # fmt: skip


def spending(region: str | None) -> list[dict[str, Any]]:
    """What each customer spends: the report that nobody should see who need not."""
    return rows(
        "SELECT name, customers.region, count(*) AS orders, sum(cents) AS cents FROM orders"
        " JOIN customers ON customers.id = customer_id WHERE state != 'cancelled'"
        " AND (:region IS NULL OR customers.region = :region) GROUP BY customers.id ORDER BY cents DESC", region=region,
    )  # fmt: skip


def export(region: str | None) -> Iterator[str]:
    """All orders as CSV, line by line (RFC 4180)."""
    columns = ("id", "customer_id", "region", "item", "quantity", "cents", "state")
    yield ",".join(columns) + "\r\n"
    after = 0
    while page := orders(region, after=after, limit=100):
        for row in page:
            cells = ('"' + str(row[column]).replace('"', '""') + '"' for column in columns)
            yield ",".join(cells) + "\r\n"
        after = page[-1]["id"]
