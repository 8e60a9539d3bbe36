"""``tick``: everything that time brings, announced and carried on. For cron, every few minutes, on any host."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from .. import credentials, oauth
from ..crypto import new_id
from ..db import Transaction
from ..errors import APIGuardError
from ..house import House
from ..onboarding import lease
from .common import REFUSED, Desk, alone, sentences

LEASE = "command:tick"
#: Longer than any round: who was killed in the middle holds up the next one no longer than this.
SPAN = dt.timedelta(minutes=15)
NOTICES_KEPT = dt.timedelta(days=90)


@alone("tick", acts=False)
def tick(desk: Desk) -> None:
    """Do what time has brought: announce, deliver, ship, look, sign. Again says nothing twice.

    Nothing is unsafe while nobody runs this. Of several at once one works; a part that fails holds up no other, and
    ends the command with 1.
    """
    desk.take_time()
    house, holder = desk.house, new_id("tik")
    if not lease.take(house.store, LEASE, holder, SPAN, house.clock.now()):
        desk.answer({"busy": True, "done": {}, "failed": {}}, "Another process is at it.")
        return
    done: dict[str, Any] = {}
    failed: dict[str, str] = {}
    try:
        for name, work in WORK.items():
            try:
                done[name] = work(house)
            except (APIGuardError, OSError) as error:
                failed[name] = sentences(error)[0]
    finally:
        lease.release(house.store, LEASE, holder, house.clock.now())
    told = [f"{name.ljust(10)}  {_said(value)}" for name, value in done.items()]
    told += [f"{name.ljust(10)}  failed: {why}" for name, why in failed.items()]
    desk.answer({"busy": False, "done": done, "failed": failed}, "\n".join(told))
    if failed:
        desk.status = REFUSED


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count} {name}" for name, count in value.items())
    return " ".join(value) if value else "nothing new"


def _uses(house: House) -> dict[str, Any]:
    return {"written": house.last_use.flush()}


def _events(house: House) -> dict[str, Any]:
    before = house.recorder.head().seq
    settled = house.recorder.settle(60.0)
    taken = house.recorder.deliver()
    kept = house.recorder.retention()
    batches = house.recorder.head().seq - before
    return {
        "batches": batches,
        "delivered": taken,
        "reduced": kept.reduced,
        "pruned": kept.pruned,
        "late": int(not settled),
    }


def _onboarding(house: House) -> list[str]:
    return house.onboarding.tick()


def _expired(house: House) -> dict[str, Any]:
    return {"tokens": _all_of(house, credentials.prune), "requests and codes": _all_of(house, oauth.prune)}


def _all_of(house: House, prune: Callable[[Transaction, dt.datetime], int]) -> int:
    """In transactions that are short, so that nobody waits for them."""
    cleared = 0
    while True:
        with house.store.write() as tx:
            found = prune(tx, tx.now)
        cleared += found
        if not found:
            return cleared


def _monitor(house: House) -> list[str]:
    return [f"{one.client_id}: {one.kind}." for one in house.monitor.look()]


def _notices(house: House) -> dict[str, Any]:
    with house.store.write() as tx:
        forgotten = house.outbox.forget(tx, tx.now - NOTICES_KEPT)
    sent = failed = dead = 0
    while True:
        round_ = house.outbox.deliver()
        sent, failed, dead = sent + round_.sent, failed + round_.failed, dead + round_.dead
        if not round_.sent:
            return {"sent": sent, "to try again": failed, "given up": dead, "forgotten": forgotten}


def _ledger(house: House) -> dict[str, Any]:
    """The event chain's head goes into the checkpoint, so that cutting its tail shows."""
    head = house.recorder.head().as_dict()
    with house.store.write() as tx:
        signed = house.ledger.checkpoint(tx, {"events": head})
    return {"signed up to": signed.seq}


#: In this order: what is recorded first, who must be told next, and the signature over all of it last.
WORK: dict[str, Callable[[House], Any]] = {
    "uses": _uses, "events": _events, "expired": _expired, "onboarding": _onboarding, "monitor": _monitor,
    "notices": _notices, "ledger": _ledger,
}  # fmt: skip
