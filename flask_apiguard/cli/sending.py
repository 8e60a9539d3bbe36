"""What a command has queued for people leaves before the command ends: nobody waits for a tick that may never come."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from ..db import Transaction
from ..errors import StoreAway
from ..house import CLI_NAME, House
from ..notices import QUEUED

#: Seconds after which no further notice is begun; one that was begun has its notifier's own timeout.
PATIENCE = 10.0
LEFT = "Notices wait to be sent; flask {group} tick sends them."


@contextmanager
def sent(house: House) -> Iterator[None]:
    """Send what the body queues, once it has ended well; say so on stderr when something stays behind."""
    queued: list[bool] = []

    def note(tx: Transaction) -> None:
        if tx.notes.get(QUEUED):
            queued.append(True)

    house.store.committed.append(note)
    try:
        yield
    finally:
        house.store.committed.remove(note)
    if queued and house.tells and not _all_sent(house):
        click.echo(LEFT.format(group=house.settings[CLI_NAME]), err=True)


def _all_sent(house: House) -> bool:
    """Whether everything that was due went out in time. What could not is tried again by the tick."""
    deadline = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < deadline:
            done = house.outbox.deliver(1)
            if done.failed or done.dead:
                return False
            if not done.sent:
                return True
    except StoreAway:  # what the command was for is done; the queue stands in the store
        return False
    return False
