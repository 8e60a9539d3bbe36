"""Appends changes, each in a transaction of its own: `python -m tests.clients.appender URL NAME COUNT`."""

from __future__ import annotations

import sys

from flask_apiguard.clients import changed
from flask_apiguard.clock import Clock
from flask_apiguard.db import STATE, Store


def main(url: str, name: str, count: str) -> None:
    store = Store(STATE, lambda: url, Clock().now)
    for number in range(int(count)):
        with store.write() as tx:
            changed(tx, f"client:{name}-{number}")


main(*sys.argv[1:])
