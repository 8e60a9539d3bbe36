"""Reading a file of hashed keys: CSV with a header, or JSON lines; what is wrong is named by its line."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Iterator, Mapping
from typing import IO, Any

from ..credentials import Entry
from .common import USAGE, Refused

FIELDS = frozenset({"name", "hash", "algorithm", "encoding", "expires", "scopes"})
ENTRIES_AT_MOST = 100_000


def read_entries(file: IO[str]) -> list[Entry]:
    """Every key of a file.

    :raises Refused: naming the line, with status 2.
    """
    text = file.read()
    rows = _json_lines(text) if text.lstrip().startswith("{") else _csv(text)
    entries = [_entry(number, row) for number, row in rows]
    if len(entries) > ENTRIES_AT_MOST:
        raise Refused(f"{len(entries)} keys are too many at once.", f"At most {ENTRIES_AT_MOST} a file.", USAGE)
    return entries


def _json_lines(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            raise _wrong(number, "is not JSON") from None
        if not isinstance(row, dict):
            raise _wrong(number, "is not a JSON object")
        yield number, row


def _csv(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(text.splitlines(), strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                raise _wrong(reader.line_num, "has more or fewer fields than the header")
            yield reader.line_num, {key: value for key, value in row.items() if value != ""}
    except csv.Error as error:
        raise _wrong(reader.line_num, f"can't be read ({error})") from None


def _entry(number: int, row: Mapping[str, Any]) -> Entry:
    unknown = sorted(set(row) - FIELDS)
    if unknown:
        raise _wrong(number, f"has the field {unknown[0]!r}, which means nothing here")
    if not all(isinstance(row.get(name, ""), str) for name in ("name", "hash", "algorithm", "encoding")):
        raise _wrong(number, "has a field that is no text")
    if not row.get("name") or not row.get("hash"):
        raise _wrong(number, "lacks a name or a hash")
    return Entry(
        row["name"], row["hash"], row.get("algorithm", "sha256"), row.get("encoding", "hex"),
        _expires(number, row.get("expires")), _scopes(number, row.get("scopes")),
    )  # fmt: skip


def _expires(number: int, told: Any) -> dt.datetime | None:
    if told is None:
        return None
    try:
        read = dt.datetime.fromisoformat(told)
    except (TypeError, ValueError):
        raise _wrong(number, "expires at something that is no date such as 2027-01-31") from None
    return read.replace(tzinfo=dt.UTC) if read.tzinfo is None else read


def _scopes(number: int, told: Any) -> frozenset[str] | None:
    if told is None:
        return None
    names = told.split() if isinstance(told, str) else told
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _wrong(number, "has scopes that are neither a text nor a list")
    return frozenset(names)


def _wrong(number: int, what: str) -> Refused:
    return Refused(f"Line {number} {what}.", "The fields are: " + ", ".join(sorted(FIELDS)) + ".", USAGE)
