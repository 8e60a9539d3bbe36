"""A process that appends: `python -m tests.ledger.writer URL NAME COUNT`, two entries a transaction."""

from __future__ import annotations

import sys

from flask_apiguard.clock import Clock
from flask_apiguard.db import STATE, Store
from flask_apiguard.ledger import enter
from flask_apiguard.values import SYSTEM, Happening


def main(url: str, name: str, count: int) -> None:
    store = Store(STATE, lambda: url, Clock().now)
    for number in range(count):
        with store.write() as tx:
            enter(tx, SYSTEM, Happening.CLIENTS_CLIENT_CREATED, f"client:{name}", after={"n": 2 * number})
            enter(tx, SYSTEM, Happening.CLIENTS_CLIENT_SUSPENDED, f"client:{name}", personal={"email": "a@example.org"})
        print(number, flush=True)
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
