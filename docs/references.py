"""Writes the reference pages from the package itself.

A page says ``.. reference:: settings`` where the reference belongs; before Sphinx parses the page, that line is
replaced with reStructuredText made from what the code declares. So no text of the reference can grow old.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click
    from sphinx.application import Sphinx

DIRECTIVE = re.compile(r"^\.\. reference:: (\w+)$", re.MULTILINE)


def heading(text: str, underline: str) -> str:
    return f"{text}\n{underline * len(text)}\n\n"


def listed(rows: Iterable[tuple[str, ...]], header: tuple[str, ...], widths: str) -> str:
    """A table that survives any cell text."""
    text = f".. list-table::\n   :header-rows: 1\n   :widths: {widths}\n\n"
    for row in (header, *rows):
        text += "".join(f"   {'*' if place == 0 else ' '} - {cell}\n" for place, cell in enumerate(row))
    return text + "\n"


def escaped(text: str) -> str:
    """A sentence of the code's as reStructuredText that means just that."""
    return re.sub(r"([\\*|_`<])", r"\\\1", text)


# -- settings ----------------------------------------------------------------------------------------------------------


def settings() -> str:
    from flask_apiguard.house import SETTINGS

    return "".join(map(_setting, sorted(SETTINGS, key=lambda setting: setting.name)))


def _setting(setting: Any) -> str:
    lines = [escaped(setting.doc)]
    if setting.secret:
        lines.append("It is a secret: no error message, log line or answer repeats it.")
    label = setting.name.lower().replace("_", "-")
    return (
        f".. _setting-{label}:\n\n" + heading(setting.name, "-") + " ".join(lines) + "\n\n"
        f":Type: {escaped(_type(setting.parse))}\n:Default: {_default(setting.default, setting.parse)}\n\n"
    )


def _type(parse: Callable[[Any], Any]) -> str:
    """What a value has to be: the parser's own sentence, or what it says about a value that is none."""
    doc = inspect.getdoc(parse)
    if doc:
        return doc.partition("\n\n")[0].replace("\n", " ").replace("``", "`").replace("`", "")
    try:
        parse(object())
    except (TypeError, ValueError) as error:
        wanted = str(error)
        return f"{wanted[0].upper()}{wanted[1:].rstrip('.')}."
    raise AssertionError(f"{parse} takes anything, so it says nothing about the type")


def _default(value: Any, parse: Callable[[Any], Any]) -> str:
    from flask_apiguard.credentials import Lifetimes, written

    if value is None or value == () or value == {} or value == float("inf"):
        return "unset"
    if isinstance(value, Lifetimes):
        return f"``{value}``"
    if "span of time" in _type(parse):
        spans = value if isinstance(value, dict) else {"": value}
        return ", ".join(f"{name} ``{written(seconds)}``".strip() for name, seconds in spans.items())
    return f"``{value!r}``"


def lifetimes() -> str:
    """Those that differ by environment, with their bounds."""
    from flask_apiguard.credentials import Within, written
    from flask_apiguard.house import SETTINGS

    rows = []
    for setting in sorted(SETTINGS, key=lambda one: one.name):
        parse = setting.parse
        if isinstance(parse, Within):
            label = setting.name.lower().replace("_", "-")
            names = ", ".join(f"``{name}``" for name in parse.grant_types) or "no"
            rows.append((
                f":ref:`setting-{label}`", f"``{setting.default}``",
                f"``{written(parse.least)}`` to ``{written(parse.most)}``", names,
            ))  # fmt: skip
    return listed(rows, ("Setting", "Default", "From, to", "By grant type"), "35 15 20 30")


# -- reasons and happenings --------------------------------------------------------------------------------------------


def reasons() -> str:
    from flask_apiguard.values import Reason

    text = ""
    for reason in sorted(Reason, key=lambda one: str(one.value)):
        text += f".. _reason-{reason.slug}:\n\n" + heading(str(reason.value), "-")
        text += f":Status: {reason.status}\n:Meaning: {escaped(reason.title)}.\n"
        text += f":What to do: {escaped(reason.action)}\n\n"
    return text


def happenings() -> str:
    from flask_apiguard.values import Happening

    text = ""
    for room, ours in groupby(sorted(Happening), key=lambda one: one.value.partition(":")[0]):
        text += heading(room.capitalize(), "-")
        text += listed(((f"``{one.value}``", escaped(one.meaning)) for one in ours), ("Happening", "Meaning"), "40 60")
    return text


def acts() -> str:
    from flask_apiguard.people import Act, Seat, seats_for

    rows = (
        (f"``{act.value}``", escaped(act.meaning), ", ".join(seat.value for seat in Seat if seat in seats_for(act)))
        for act in sorted(Act)
    )
    return listed(rows, ("Act", "Meaning", "Seats"), "35 40 25")


# -- what is recorded --------------------------------------------------------------------------------------------------

MEANINGS = {
    "id": "The request's id, also in the answer's ``X-Request-Id``. Both records of a stream have it.",
    "phase": "``call``; for a stream ``opened`` and later ``closed``.",
    "time": "When the request came, UTC, RFC 3339 with microseconds.",
    "method": "The HTTP method.",
    "path": "The path as it was decoded, without the query.",
    "route": "The URL rule that matched; null when none did.",
    "endpoint": "Flask's endpoint; null when none matched.",
    "organization": "The caller's organization.",
    "application": "The caller's application.",
    "client": "The caller's client.",
    "environment": "``sandbox`` or ``production``.",
    "credential": "The id of what proved the caller: a credential, at our JSON API also a person's token.",
    "credential_kind": "What kind of credential that was; ``person_token`` or ``session`` of a person at our JSON API; "
    "``unproved`` when one was presented and was bad.",
    "fingerprint": "What an unproved caller presented, as a keyed digest: equal texts look equal, nothing can be read.",
    "user": "The host's user, when the call was made for one or by one.",
    "first_party": "Whether the host's own session made the call.",
    "mode": "``enforce`` or ``observe``.",
    "allowed": "What the gate decided, also where it only observed.",
    "reason": "Why: a name of the :doc:`errors <errors>`, or ``gate:request:allowed``.",
    "need": "What was missing (a scope, a role, a policy).",
    "have": "What the caller held instead.",
    "status": "The HTTP status that went out.",
    "latency": "Microseconds from the request to its record.",
    "bytes_in": "The request's ``Content-Length``.",
    "bytes_out": "The answer's length; for a stream in its ``closed`` record.",
    "address": "Where the call came from, after a trusted proxy. Cut away with age.",
    "peer": "Who was at the other end of the connection. Cut away with age.",
    "agent": "The ``User-Agent``.",
    "trace": "The trace id of a W3C ``traceparent``.",
    "inbound_id": "An ``X-Request-Id`` that came in: recorded, never believed.",
    "referer": "The ``Referer``, where it is recorded.",
    "outcome": "How it ended when that is not plain: ``complete``, ``left``, ``raised``, ``ended by revocation``.",
}


def event_fields() -> str:
    from flask_apiguard.values import AccessEvent

    rows = [(f"``{one.name}``", MEANINGS[one.name]) for one in fields(AccessEvent)]
    rows.append(("``network``", "The /24 or /48 network of ``address``. It stays when the address is cut."))
    rows.append(("``v``", "The version of the line: 1."))
    return listed(rows, ("Field", "Meaning"), "25 75")


def entry_fields() -> str:
    from flask_apiguard.ledger import Entry

    meanings = {
        "seq": "Its number, from 1, without gaps.",
        "at": "The moment of the transaction, UTC.",
        "happening": "What happened: a name of the :doc:`happenings <happenings>`.",
        "actor_kind": "``person``, ``operator``, ``client`` or ``system``.",
        "actor_id": "Who: an id, or the operating system's user for a command.",
        "organization_id": "Whose matter it is.",
        "subject": "What it is about, such as ``application:app_…``.",
        "before": "The facts before, as far as they changed.",
        "after": "The facts after.",
        "evidence": "What it rests on: results of checks, request ids, votes.",
        "reason": "What the actor gave as reason.",
        "request_id": "The request that did it; empty for commands.",
        "personal": "Names and addresses of people: beside the chain, bound to it by a salted digest, erasable.",
        "text": "The canonical text that was hashed.",
        "leaf": "SHA-256 over ``0x00`` and that text.",
        "chain": "The head of the chain after this entry.",
    }
    rows = ((f"``{one.name}``", meanings[one.name]) for one in fields(Entry))
    return listed(rows, ("Field", "Meaning"), "25 75")


# -- extension points --------------------------------------------------------------------------------------------------


def signals() -> str:
    from flask_apiguard import signals as module

    text = ""
    for name in sorted(dir(module)):
        signal = getattr(module, name)
        if type(signal).__name__ == "NamedSignal":
            text += heading(name, "-") + f"{escaped(_sentences(signal.__doc__))}\n\n"
    return text


def _sentences(doc: str | None) -> str:
    """Documentation without its own back quotes, which mean something else here."""
    return (doc or "").replace("`", "")


def checks() -> str:
    from flask_apiguard.onboarding import registry_of

    rows = (
        (f"``{part.name}``", escaped(part.title), ", ".join(f"``{move}``" for move in part.before))
        for part in registry_of()
    )
    return listed(rows, ("Check", "It passes when", "Before"), "25 45 30")


def check_settings() -> str:
    from flask_apiguard.onboarding import registry_of

    rows = (
        (f"``{part.name}``", f"``{one.name}``", escaped(_sentences(one.doc)), f"``{_toml(one.default)}``")
        for part in registry_of()
        for one in getattr(part, "takes", ())
    )
    return listed(rows, ("Check", "Takes", "What it says", "By itself"), "20 15 50 15")


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def moves() -> str:
    from flask_apiguard.onboarding import MOVES

    rows = (
        (
            f"``{move.name}``", f"{move.source.value} → {move.to.value}", f"``{move.act.value}``",
            "yes" if move.checks else "no", "yes" if move.review else "no",
        )
        for move in MOVES
    )  # fmt: skip
    return listed(rows, ("Move", "From → to", "Who: a seat with the act", "Checks", "Review"), "20 25 35 10 10")


# -- commands ----------------------------------------------------------------------------------------------------------


def commands() -> str:
    from flask_apiguard.cli import commands as group_of

    group = group_of("apiguard")
    return "".join(text for path, command in walk(group, ()) if (text := _command(path, command)))


def walk(group: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group, each with the words that lead to it."""
    import click

    with click.Context(group, info_name=" ".join(path) or "apiguard") as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            here = (*path, name)
            yield here, command
            if isinstance(command, click.Group):
                yield from walk(command, here)


def _command(path: tuple[str, ...], command: click.Command) -> str:
    import click

    text = heading("flask apiguard " + " ".join(path), "-" if len(path) == 1 else "~")
    text += escaped(_sentences(inspect.cleandoc(command.help or ""))).replace("\b", "") + "\n\n"
    rows = []
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            names = ", ".join((*parameter.opts, *parameter.secondary_opts))
            rows.append((f"``{names}``", _help(parameter)))
        elif isinstance(parameter, click.Argument):
            rows.append(
                (f"``{(parameter.metavar or parameter.name or '').upper()}``", _takes(parameter) or "Argument.")
            )
    return text + (listed(rows, ("Option", "Meaning"), "30 70") if rows else "")


def _help(option: click.Option) -> str:
    """What an option says of itself; without a word of its own, what it takes."""
    said = escaped(" ".join((option.help or "").split()))
    return said or _takes(option) or f"Takes {option.type.name}."


def _takes(parameter: click.Parameter) -> str:
    choices = getattr(parameter.type, "choices", ())
    return f"One of {', '.join(map(str, choices))}." if choices else ""


def findings() -> str:
    from flask_apiguard.cli.findings import Kind

    text = ""
    for kind in Kind:
        text += f".. _finding-{kind.number.lower()}:\n\n" + heading(f"{kind.number} {kind.slug}", "-")
        text += f"{_with_code(kind.title)}.\n\n:Severity: {_severity(kind)}\n:Why: {escaped(kind.why)}\n"
        text += f":Fix: {_with_code(kind.fix)}\n"
        text += (f":Standard: {kind.standard}\n" if kind.standard else "") + "\n"
    return text


def _with_code(text: str) -> str:
    """A sentence in which what stands between back quotes is code."""
    parts = text.split("`")
    return "".join(f"``{part}``" if place % 2 else escaped(part) for place, part in enumerate(parts))


def _severity(kind: Any) -> str:
    both = kind.desk.value, kind.serving.value
    return both[0] if both[0] == both[1] else f"{both[0]}; with ``--deploy`` {both[1]}"


# -- JSON API ----------------------------------------------------------------------------------------------------------


def endpoints() -> str:
    from flask_apiguard.api.endpoints import ENDPOINTS

    text = ""
    for noun, ours in groupby(ENDPOINTS, key=lambda one: one.noun):
        text += heading(noun.replace("_", " ").capitalize(), "~")
        rows = ((f"``{one.method} {one.path}``", escaped(one.title), _who(one)) for one in ours)
        text += listed(rows, ("Call", "What it does", "Who"), "45 35 20")
    return text


def _who(endpoint: Any) -> str:
    words = {"anybody": "anybody", "stranger": "anybody", "person": "a person", "client": "a person or client"}
    return f"``{endpoint.act.value}``" if endpoint.act is not None else words[endpoint.who.value]


# -- an app before and after -------------------------------------------------------------------------------------------


def adoption() -> str:
    """The table that the guest app's tests keep true."""
    table = (Path(__file__).parent / "guest-table.md").read_text(encoding="utf-8").splitlines()
    header, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table if line.startswith("|")]
    shown = (tuple(re.sub(r"`([^`]+)`", r"``\1``", cell) for cell in row) for row in rows)
    return listed(shown, tuple(cell.capitalize() for cell in header), "40 20 20 20")


# -- Sphinx ------------------------------------------------------------------------------------------------------------

WRITERS: dict[str, Callable[[], str]] = {
    writer.__name__: writer
    for writer in (
        acts, adoption, check_settings, checks, commands, endpoints, entry_fields, event_fields, findings, happenings,
        lifetimes, moves, reasons, settings, signals,
    )
}  # fmt: skip


def expand(source: str) -> str:
    """A page's source with every reference written out."""
    return DIRECTIVE.sub(lambda found: WRITERS[found[1]](), source)


def page(path: Path) -> str:
    """A page as Sphinx gets to see it."""
    return expand(path.read_text(encoding="utf-8"))


def _expand(_app: Sphinx, _docname: str, source: list[str]) -> None:
    source[0] = expand(source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("source-read", _expand)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
