"""How long PostgreSQL may keep anybody waiting: a request hears 503 in bounded time, and no worker hangs.

One bound inside the other. The server ends a statement that takes too long, or waits too long for a lock, and the
transaction of a host that vanished in the middle of it. An answer that does not come although the server would long
have ended the statement is one that got lost on its way: then we close the connection. What the other side's network
does not even acknowledge ends by TCP's own bounds.

What the host says in the URL, or PostgreSQL itself for the role or the database, stands; ours fill in what nobody said.
"""

from __future__ import annotations

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine

from .engines import BUSY_SECONDS

R = TypeVar("R")

#: A transaction of ours between two statements: nobody works so long there, so whoever began it is gone.
IDLE_SECONDS = 60
#: What an answer may need on its way, once the server has ended the statement.
GRACE_SECONDS = 2
#: Of libpq, for what the URL does not say. Seconds, but the user timeout, which is in milliseconds.
CONNECT = {
    "connect_timeout": 3, "tcp_user_timeout": 10_000, "keepalives_idle": 30, "keepalives_interval": 10,
    "keepalives_count": 3,
}  # fmt: skip

#: Sets what nobody has set, and answers how long each may take now, in seconds.
_SET = """
SELECT extract(epoch FROM CAST(
    CASE current_setting(name) WHEN '0' THEN set_config(name, ours, false) ELSE current_setting(name) END AS interval
)) FROM (VALUES
    ('statement_timeout', %(statement)s), ('lock_timeout', %(lock)s), ('idle_in_transaction_session_timeout', %(idle)s)
) AS bound (name, ours)
"""


class Impatient(psycopg.Connection[Any]):
    """A connection that does not wait for ever. ``span`` is how long the server takes for a statement, in seconds."""

    span: float = BUSY_SECONDS

    def wait(self, gen: PQGen[R], interval: float = 0.1, timeout: float | None = None) -> R:
        """:raises psycopg.OperationalError: no answer came; the connection is closed."""
        try:
            return super().wait(gen, interval, self.span + GRACE_SECONDS if timeout is None else timeout)
        except psycopg.OperationalError:
            # The answer may still come, and would then be taken for that of another question.
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


def bounded(engine: Engine, seconds: float) -> None:
    """Give an engine's connections our bounds; a statement may take so many seconds."""

    def connect(_: Any, __: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Impatient:
        return Impatient.connect(*arguments, **named)

    def connected(connection: Impatient, _: Any) -> None:
        connection.autocommit = True  # else what is set here would end with the first transaction
        wanted = {"statement": seconds, "lock": BUSY_SECONDS, "idle": IDLE_SECONDS}
        (statement, *_) = connection.execute(_SET, {name: milliseconds(span) for name, span in wanted.items()})
        connection.autocommit = False
        connection.span = float(statement[0])

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", connected)


def hasten(connection: Connection, seconds: float) -> None:
    """Let no statement of one connection take longer, for as long as it lives."""
    connection.exec_driver_sql(f"SET statement_timeout = '{milliseconds(seconds)}'")
    driver = connection.connection.driver_connection
    if isinstance(driver, Impatient):
        driver.span = seconds


def milliseconds(seconds: float) -> str:
    """As PostgreSQL reads it."""
    return f"{int(seconds * 1000)}ms"


def options(url: URL) -> dict[str, int]:
    """What a connection is made with, beside what the URL says."""
    return {name: value for name, value in CONNECT.items() if name not in url.query}
