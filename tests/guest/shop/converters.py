"""URL converters of the shop: `<date:day>` (2026-03-01) and `<sku:sku>` (AB-1234)."""

from __future__ import annotations

from datetime import date

from werkzeug.routing import BaseConverter, ValidationError


class DateConverter(BaseConverter):
    regex = r"\d{4}-\d{2}-\d{2}"

    def to_python(self, value: str) -> date:
        try:
            return date.fromisoformat(value)
        except ValueError as bad:
            raise ValidationError from bad

    def to_url(self, value: date) -> str:
        return value.isoformat()


class SkuConverter(BaseConverter):
    regex = r"[A-Za-z]{2}-\d{4}"

    def to_python(self, value: str) -> str:
        return value.upper()
