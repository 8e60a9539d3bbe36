"""``audit``: what governance did, whether the record is whole, and what to hand to an auditor."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa

from ..access.tables import grant
from ..events import Head
from ..house import House
from ..people import Act
from .common import REFUSED, Desk, Refused, cell, command, moment, plain
from .people import everybody
from .reviews import every_review
from .walk import every_application


@click.group()
def audit() -> None:
    """The ledger: verify, list, report."""


@command(audit, "verify")
@click.option("--until", type=click.IntRange(1), help="Look at entries up to this number only.")
def verify(desk: Desk, until: int | None) -> None:
    """Look at every entry, checkpoint and batch of access events; 1, and the first bad one, when one was touched."""
    desk.take_time()
    desk.demand(Act.LEDGER_ENTRY_READ)
    found = verified(desk.house, until)
    entries, events = found["ledger"], found["events"]
    told = [
        f"ledger  {entries['count']} entries are what was written."
        if entries["ok"] else f"ledger  BAD at entry {cell(entries['first_bad'])}: {entries['wrong']}",
        f"events  {events['events']} events in {events['batches']} batches are what was recorded."
        if events["ok"] else f"events  BAD at batch {events['first_bad']}: {events['wrong']}",
    ]  # fmt: skip
    desk.answer(found, "\n".join(told))
    if not (entries["ok"] and events["ok"]):
        desk.status = REFUSED


def verified(house: House, until: int | None = None) -> dict[str, dict[str, Any]]:
    """Both chains, the second held against the newest head of it that was signed into the first."""
    entries = house.ledger.verify(until)
    house.recorder.settle()
    events = house.recorder.verify(expected=_signed_head(house))
    return {
        "ledger": {
            "ok": entries.ok, "count": entries.count, "first_bad": entries.first_bad, "wrong": entries.wrong,
            "public_key": house.ledger.public_key(),
        },
        "events": {
            "ok": bool(events), "batches": events.batches, "events": events.events, "first_bad": events.bad,
            "wrong": events.why, "pruned_early": events.early,
        },
    }  # fmt: skip


def _signed_head(house: House) -> Head | None:
    for signed in house.ledger.checkpoints():
        head = signed.extra.get("events")
        if isinstance(head, Mapping) and head.get("seq"):
            return Head(int(head["seq"]), str(head["chain"]))
    return None


@command(audit, "list")
@click.option("--subject", help="Only about this, such as application:app_….")
@click.option("--actor", help="Only by whoever has this id.")
@click.option("--happening", help="Only this happening; several when it ends with a colon: access:grant:")
@click.option("--organization", help="Only this organization's.")
@click.option("--since", type=moment, metavar="DATE", help="From then on.")
@click.option("--until", type=moment, metavar="DATE", help="Before then.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the page before ended.")
def list_(desk: Desk, **narrowing: Any) -> None:
    """List entries, the newest first."""
    desk.demand(Act.LEDGER_ENTRY_READ)
    page = desk.house.ledger.entries(**narrowing)
    rows = [
        {
            "seq": one.seq, "at": one.at, "happening": one.happening, "actor": f"{one.actor_kind}:{one.actor_id}",
            "subject": one.subject, "reason": one.reason, "before": one.before, "after": one.after,
            "evidence": one.evidence, "personal": one.personal,
        }
        for one in page.entries
    ]  # fmt: skip
    desk.rows(rows, ("seq", "at", "happening", "actor", "subject", "reason"), "No entries.")
    if page.cursor is not None:
        click.echo(f"More: --cursor {page.cursor}", err=True)


@command(audit, "report")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def report(desk: Desk, folder: Path) -> None:
    """Write a folder for an auditor: grants, decisions, seats, waivers as CSV and JSON, and how the ledger stands."""
    desk.take_time()
    desk.demand(Act.LEDGER_ENTRY_READ)
    parts: dict[str, list[dict[str, Any]]] = {
        "grants": _grants(desk.house), "decisions": _decisions(desk), "seats": everybody(desk),
        "waivers": _waivers(desk),
    }  # fmt: skip
    proof = {"made_at": desk.house.clock.now(), "by": f"{desk.by.kind}:{desk.by.id}", **verified(desk.house)}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, rows in parts.items():
            _write_json(folder / f"{name}.json", rows)
            _write_csv(folder / f"{name}.csv", rows)
        _write_json(folder / "verification.json", proof)
    except OSError as error:
        raise Refused(f"{folder} can't be written ({error.strerror}).", "Name a folder of yours.") from None
    told = {"folder": str(folder), **{name: len(rows) for name, rows in parts.items()}, "whole": _whole(proof)}
    desk.facts(told)
    if not told["whole"]:
        desk.status = REFUSED


def _whole(proof: Mapping[str, Any]) -> bool:
    return bool(proof["ledger"]["ok"] and proof["events"]["ok"])


def _grants(house: House) -> list[dict[str, Any]]:
    """Every grant that ever was."""
    with house.store.read() as conn:
        return [dict(row._mapping) for row in conn.execute(sa.select(grant).order_by(grant.c.since, grant.c.id))]


def _decisions(desk: Desk) -> list[dict[str, Any]]:
    with desk.house.store.read() as conn:
        return [
            {
                "review": one.id, "application": one.application_id, "kind": one.kind, "environment": one.environment,
                "state": one.state, "risk": one.risk, "needed": one.needed, "basis": one.basis,
                "exception": one.exception, "asked": one.scopes, "approved": one.approved_scopes,
                "requested_by": one.requested_by, "requested_at": one.requested_at, "decided_by": one.decided_by,
                "decided_at": one.decided_at, "until": one.until, "reason": one.reason,
                "decision_reason": one.decision_reason,
            }
            for one in every_review(desk, conn)
            if not one.live
        ]  # fmt: skip


def _waivers(desk: Desk) -> list[dict[str, Any]]:
    with desk.house.store.read() as conn:
        return [
            {name: getattr(one, name) for name in type(one).__slots__}
            for application in every_application(desk, conn, Act.CLIENTS_APPLICATION_READ)
            for one in desk.house.onboarding.waivers(conn, application.id)
        ]


def _write_json(path: Path, found: Any) -> None:
    path.write_text(json.dumps(plain(found), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    listed = list(rows)
    columns = list(dict.fromkeys(name for row in listed for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_harmless(row.get(name)) for name in columns] for row in listed)


def _harmless(value: Any) -> str:
    """A value that a spreadsheet takes for text: names come from strangers, and a formula begins with one sign."""
    if value is None:
        return ""
    text = value.isoformat() if isinstance(value, dt.datetime) else cell(value)
    return "'" + text if text[:1] in ("=", "+", "-", "@") and text != "-" else text
