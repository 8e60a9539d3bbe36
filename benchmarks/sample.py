"""What is sent and answered in every variant: one order, its schema in marshmallow, and a prepared WSGI environ."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from flask import Flask
from flask.testing import EnvironBuilder
from marshmallow import Schema, fields, validate

from .measure import Variant, nothing

ORDER = {
    "reference": "PO-2026-004711",
    "customer": "Acme Payments and Logistics Ltd",
    "currency": "EUR",
    "express": True,
    "note": "Leave it at the gate when nobody opens, and ring thrice.",
    "priority": 3,
    "total": 149.9,
    "address": {"street": "Long Lane 7, back entrance", "city": "Leeds", "postcode": "LS1 4AP"},
}
BODY = json.dumps(ORDER, separators=(",", ":")).encode()
PATH, CHECKED_PATH, OUTSIDE_PATH = "/api/orders", "/api/checked-orders", "/shop/orders"


class AddressSchema(Schema):
    street = fields.String(required=True, validate=validate.Length(1, 80))
    city = fields.String(required=True, validate=validate.Length(1, 60))
    postcode = fields.String(required=True, validate=validate.Regexp(r"[A-Z]{1,2}[0-9]{1,2} [0-9][A-Z]{2}"))


class OrderSchema(Schema):
    """Ten fields of which three are nested, with rules of the usual kinds; the document has 286 bytes."""

    reference = fields.String(required=True, validate=validate.Regexp(r"PO-[0-9]{4}-[0-9]{6}"))
    customer = fields.String(required=True, validate=validate.Length(1, 100))
    currency = fields.String(required=True, validate=validate.Length(equal=3))
    express = fields.Boolean(required=True)
    note = fields.String(validate=validate.Length(max=200))
    priority = fields.Integer(required=True, validate=validate.Range(1, 5))
    total = fields.Float(required=True, validate=validate.Range(min=0))
    address = fields.Nested(AddressSchema, required=True)


def environ(path: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The environ of one POST of the order, with what gunicorn adds; its ``wsgi.input`` is made anew for each call."""
    builder = EnvironBuilder(
        Flask("sample"), path, method="POST", data=BODY, content_type="application/json",
        headers={"User-Agent": "benchmark/1", "Accept": "application/json", **(headers or {})},
    )  # fmt: skip
    made = builder.get_environ()
    made |= {"REMOTE_ADDR": "192.0.2.7", "REMOTE_PORT": "40000", "RAW_URI": path, "SERVER_SOFTWARE": "gunicorn"}
    return made


class Caller:
    """Calls a WSGI app with environs in turn. ``statuses`` are those that it may answer with."""

    def __init__(self, app: Any, environs: list[dict[str, Any]], statuses: tuple[int, ...] = (200,)) -> None:
        self._app = app
        self._environs = environs
        self._at = 0
        self._statuses = frozenset(str(status) for status in statuses)
        self._status = ""

    def variant(self, name: str, settle: Callable[[], object] = nothing, with_settle: bool = False) -> Variant:
        """These calls as a variant; it is warm once every environ had its turn."""
        return Variant(name, self.call, settle, with_settle, warm=max(20, len(self._environs)))

    def _begin(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        self._status = status

    def call(self) -> None:
        """One call, read to its end.

        :raises RuntimeError: it was answered otherwise than the variant says.
        """
        self._at += 1
        given = self._environs[self._at % len(self._environs)].copy()
        given["wsgi.input"] = BytesIO(BODY)
        answer = self._app(given, self._begin)
        body = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        if self._status[:3] not in self._statuses:
            raise RuntimeError(f"{self._status}: {body[:300]!r}")
