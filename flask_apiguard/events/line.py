"""One access event as one line of JSON, and back.

The layout is fixed: ``time`` stands first at a known place, ``address`` and ``peer`` last, so that a batch's span is
read and addresses are cut without parsing. A line is ASCII: whatever a stranger sends (CR, LF, NUL, ANSI sequences,
U+2028, bidirectional marks, lone surrogates) arrives escaped. The text is made by hand because the general encoder
costs twice as much, on every call of every client.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable
from json.encoder import encode_basestring_ascii as _escape
from typing import Any

from ..values import AccessEvent, Phase, keep, network_of

#: Characters kept of any text; what is longer is cut.
LONGEST = 512
#: A line begins and ends with these; inside a JSON text a bare quotation mark can't stand, so nothing torn looks whole.
BEGIN = b'{"time":"'
END = b',"v":1}'
#: From here to `END` stands what is cut away with age.
PERSONAL = b',"address":'
#: Where the time stands in a line.
TIME = slice(9, 36)
_KEPT_AT_MOST = 4096
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

#: By address and peer, and by those and the program that called from there.
_origins: dict[tuple[str, str], str] = {}
_endings: dict[tuple[str, str, str], str] = {}
_second: tuple[int, str] = (-1, "")


def encode(event: AccessEvent) -> bytes:
    """The line, without its newline. Texts are cut to ``LONGEST`` characters; the time has microseconds, in UTC."""
    return written(
        place(event), caller(event), outcome(event), event.time, quote(event.id)[1:-1], event.phase, quote(event.path),
        event.latency, event.bytes_in, event.bytes_out, who(event.fingerprint, event.user),
        traced_ending(event.agent, event.trace, event.inbound_id, event.referer, event.address, event.peer),
    )  # fmt: skip


def written(
    place: str, caller: str, outcome: str, seconds: float, id: str, phase: str, path: str, latency: int, bytes_in: int,
    bytes_out: int, who: str, ending: str,
) -> bytes:  # fmt: skip
    """The line out of what is one call's own, and the parts that many share.

    Those are ``place``, ``caller``, ``outcome``, ``who`` and ``ending``, made by the functions of these names. ``id``
    is one of ours, in which nothing is to escape; ``path`` is JSON already.
    """
    return (
        f'{{"time":"{rfc3339(seconds)}","id":"{id}","phase":"{phase}",{place},{caller},{outcome},"path":{path},'
        f'"latency":{latency},"bytes_in":{bytes_in},"bytes_out":{bytes_out},{who},{ending}'
    ).encode("ascii")


def place(event: AccessEvent) -> str:
    """The part that calls to one route share."""
    return f'"method":{quote(event.method)},"route":{_nullable(event.route)},"endpoint":{_nullable(event.endpoint)}'


def caller(event: AccessEvent) -> str:
    """The part that calls of one caller share."""
    return (
        f'"organization":{_nullable(event.organization)},"application":{_nullable(event.application)},'
        f'"client":{_nullable(event.client)},"environment":{_nullable(event.environment)},'
        f'"credential":{_nullable(event.credential)},"credential_kind":{_nullable(event.credential_kind)},'
        f'"first_party":{"true" if event.first_party else "false"}'
    )


def outcome(event: AccessEvent) -> str:
    """The part that calls share that are answered alike."""
    return (
        f'"mode":{quote(event.mode)},"allowed":{"true" if event.allowed else "false"},"reason":{quote(event.reason)},'
        f'"need":{quote(event.need)},"have":{quote(event.have)},"status":{event.status},'
        f'"outcome":{quote(event.outcome)}'
    )


def who(fingerprint: str | None, user: str | None) -> str:
    """What tells unproved callers and users apart."""
    return f'"fingerprint":{_nullable(fingerprint)},"user":{_nullable(user)}'


def ending(agent: str, address: str, peer: str) -> str:
    """The part that calls share from one place, with one program, to which nobody else gave an id."""
    return _endings.get((agent, address, peer)) or _kept_ending(agent, address, peer)


def _kept_ending(agent: str, address: str, peer: str) -> str:
    made = traced_ending(agent, None, None, None, address, peer)
    if len(agent) + len(address) + len(peer) <= LONGEST:
        keep(_endings, (agent, address, peer), made, _KEPT_AT_MOST)
    return made


def traced_ending(
    agent: str, trace: str | None, inbound_id: str | None, referer: str | None, address: str, peer: str
) -> str:
    """The same part of a call that somebody else gave an id, or that came from another page."""
    origin = _origins.get((address, peer)) or _origin(address, peer)
    return (
        f'"agent":{quote(agent)},"trace":{_nullable(trace)},"inbound_id":{_nullable(inbound_id)},'
        f'"referer":{_nullable(referer)},{origin},"v":1}}'
    )


def _origin(address: str, peer: str) -> str:
    made = f'"network":{quote(network_of(address))},"address":{quote(address)},"peer":{quote(peer)}'
    if len(address) + len(peer) <= LONGEST:
        keep(_origins, (address, peer), made, _KEPT_AT_MOST)
    return made


def rfc3339(seconds: float) -> str:
    """Seconds since the epoch as ``2026-11-21T20:54:49.123456Z`` (RFC 3339, always 27 characters)."""
    global _second  # noqa: PLW0603 - one pair, replaced whole: threads may race, never mix
    whole, micro = divmod(round(seconds * 1_000_000), 1_000_000)
    known, prefix = _second
    if known != whole:
        prefix = (dt.datetime(1970, 1, 1) + dt.timedelta(seconds=whole)).isoformat()  # noqa: DTZ001 - UTC by origin
        _second = (whole, prefix)
    return f"{prefix}.{micro:06d}Z"


def parse(line: bytes | str) -> AccessEvent:
    """The event of one line. An address that was cut comes back as its network.

    :raises ValueError: torn, or not one of our lines.
    """
    fields = load(line)
    network = fields.pop("network")
    try:
        del fields["v"]
        fields.setdefault("address", network)
        fields.setdefault("peer", "")
        fields["phase"] = Phase(fields["phase"])
        fields["time"] = dt.datetime.fromisoformat(fields["time"]).timestamp()
        return AccessEvent(**fields)
    except (KeyError, TypeError) as error:
        raise ValueError("not an access event") from error


def load(line: bytes | str) -> dict[str, Any]:
    """The fields of one line as they stand there.

    :raises ValueError: torn, or not one of our lines.
    """
    fields = json.loads(line)
    if not isinstance(fields, dict) or not isinstance(fields.get("id"), str) or "network" not in fields:
        raise ValueError("not an access event")
    return fields


def is_whole(line: bytes) -> bool:
    """Whether a piece between two newlines is a line and not what a full disk or a crash left of one."""
    return line.startswith(BEGIN) and line.endswith(END)


def bare(line: bytes) -> bytes:
    """The line with address and peer cut away; of a line already cut, the line itself."""
    head, found, _ = line.partition(PERSONAL)
    return head + END if found else line


def pieces(data: bytes) -> Iterable[bytes]:
    """What stands before each newline; the rest behind the last one is still being written, or torn."""
    return data.split(b"\n")[:-1]


def quote(text: str) -> str:
    """A text as JSON that every store takes, cut to ``LONGEST`` characters."""
    if len(text) > LONGEST:
        text = text[:LONGEST]
    quoted = _escape(text)
    if len(quoted) != len(text) + 2 or "\x7f" in quoted:
        # No store takes NUL or half a surrogate pair as text: they become readable escapes of themselves.
        readable = _UNSTORABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
        return _escape(readable).replace("\x7f", "\\u007f")
    return quoted


def _nullable(text: str | None) -> str:
    return "null" if text is None else quote(text)
