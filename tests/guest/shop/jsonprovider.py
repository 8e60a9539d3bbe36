"""How the shop writes JSON: money as text with two digits, UTC times with a Z, members in the order written."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask.json.provider import DefaultJSONProvider


def _encode(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    if isinstance(value, datetime):
        return value.replace(microsecond=0, tzinfo=None).isoformat() + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return DefaultJSONProvider.default(value)


class ShopJSON(DefaultJSONProvider):
    sort_keys = False
    ensure_ascii = False
    default = staticmethod(_encode)
