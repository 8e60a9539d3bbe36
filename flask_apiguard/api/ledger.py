"""The ledger: read, verified, taken away as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator

from marshmallow import fields

from ..ledger import Entry
from ..people import Act, demand
from .call import Answer, Call
from .fields import Id, In, Line, Moment, PageIn, Resource, Whole
from .table import Table

table = Table("ledger")
EXPORT_AT_ONCE = 500


class WindowIn(In):
    subject = Line(1, 160)
    actor = Line(1, 160)
    happening = Line(1, 80)
    organization_id = Id()
    since = Moment()
    until = Moment()


class FilterIn(PageIn, WindowIn):
    pass


class VerifyIn(In):
    until = Whole(1, 10**15)


class EntryOut(Resource):
    seq = fields.Integer()
    at = Moment()
    happening = fields.String()
    actor_kind = fields.String()
    actor_id = fields.String()
    organization_id = fields.String(allow_none=True)
    subject = fields.String()
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)
    evidence = fields.Raw(allow_none=True)
    reason = fields.String()
    request_id = fields.String()
    personal = fields.Dict(keys=fields.String(), values=fields.String())
    leaf = fields.String()
    chain = fields.String()


class VerificationOut(Resource):
    ok = fields.Boolean()
    count = fields.Integer()
    first_bad = fields.Integer(allow_none=True)
    wrong = fields.String()
    public_key = fields.String()


def _wanted(call: Call) -> dict[str, object]:
    query = call.query
    names = {"subject": "subject", "actor": "actor", "happening": "happening", "organization_id": "organization",
             "since": "since", "until": "until"}  # fmt: skip
    return {there: query[here] for here, there in names.items() if here in query}


@table.get("/ledger", "Entries of the ledger, newest first", query=FilterIn, out=EntryOut, many=True,
           act=Act.LEDGER_ENTRY_READ)  # fmt: skip
def list_(call: Call) -> Answer:
    demand(call.by, Act.LEDGER_ENTRY_READ)
    found = call.house.ledger.entries(
        cursor=call.query.get("cursor"),
        limit=call.query["limit"],
        **_wanted(call),  # type: ignore[arg-type]
    )
    follow = [call.next("verify", "POST", "/ledger/verification", "See that nothing was changed.")]
    return Answer(found.entries, follow, cursor=found.cursor)


@table.post("/ledger/verification", "Verify the ledger", body=VerifyIn, out=VerificationOut,
            act=Act.LEDGER_ENTRY_READ)  # fmt: skip
def verify(call: Call) -> Answer:
    demand(call.by, Act.LEDGER_ENTRY_READ)
    found = call.house.ledger.verify(call.body.get("until"))
    value = {
        "ok": found.ok, "count": found.count, "first_bad": found.first_bad, "wrong": found.wrong,
        "public_key": call.house.ledger.public_key(),
    }  # fmt: skip
    return Answer(value, [call.next("export", "GET", "/ledger/export", "Take the entries along.")])


@table.get("/ledger/export", "The ledger as JSON lines, newest first", query=WindowIn,
           media="application/x-ndjson", act=Act.LEDGER_ENTRY_READ)  # fmt: skip
def export(call: Call) -> Answer:
    demand(call.by, Act.LEDGER_ENTRY_READ)
    headers = {"Content-Disposition": 'attachment; filename="ledger.jsonl"'}
    return Answer(raw=_lines(call, _wanted(call)), headers=headers)


def _lines(call: Call, wanted: dict[str, object]) -> Iterator[bytes]:
    """Portion by portion, so that no connection is held while the reader is slow."""
    cursor: str | None = None
    while True:
        page = call.house.ledger.entries(cursor=cursor, limit=EXPORT_AT_ONCE, **wanted)  # type: ignore[arg-type]
        yield b"".join(_line(entry) for entry in page.entries)
        if page.cursor is None:
            return
        cursor = page.cursor


def _line(entry: Entry) -> bytes:
    return json.dumps(entry.as_dict(), sort_keys=True, separators=(",", ":")).encode() + b"\n"
