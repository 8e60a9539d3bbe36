"""``doctor``: what is wrong, why that matters, and what mends it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ..errors import APIGuardError
from .common import REFUSED, Desk, alone, cell, sentences
from .findings import EXAMINATIONS, INSIDE, Finding, Kind, Look, Severity, opened

_ORDER = list(Severity)


@alone("doctor", acts=False)
@click.option("--deploy", is_flag=True, help="Judge it as what will serve: what is fine at a desk is not fine there.")
@click.option(
    "--fail-on", type=click.Choice([one.value for one in Severity]), default=Severity.ERROR.value, show_default=True,
    help="End with 1 from this severity on.",
)  # fmt: skip
def doctor(desk: Desk, deploy: bool, fail_on: str) -> None:
    """Look at settings, surroundings and stores, and say what was found, the worst first.

    Each kind of finding has a number that stays, and a page in the documentation. Changes nothing. Ends with 1 when
    there is an error, or with --fail-on already for something less; with 0 otherwise.
    """
    found = findings(Look(desk.house, deploy))
    counted = {severity.value: sum(one.severity is severity for one in found) for severity in Severity}
    told = {"findings": [one.told() for one in found], **{f"{name}s": n for name, n in counted.items()}}
    desk.answer({**told, "deploy": deploy}, lambda: _text(found, counted))
    if any(_ORDER.index(one.severity) <= _ORDER.index(Severity(fail_on)) for one in found):
        desk.status = REFUSED


def findings(look: Look) -> list[Finding]:
    """Everything that was found, the worst first. An examination that fails is a finding itself."""
    found: list[Finding] = []
    examinations = (*EXAMINATIONS, *(INSIDE if opened(look) else ()))
    for examine in examinations:
        try:
            found += examine(look)
        except (APIGuardError, OSError) as error:
            message, fix, _ = sentences(error)
            found.append(look.found(Kind.UNKNOWN, examine.__name__.replace("_", "-"), message, fix=fix))
    return sorted(found, key=lambda one: (_ORDER.index(one.severity), one.kind.number))


def _text(found: Sequence[Finding], counted: dict[str, int]) -> str:
    lines = []
    for one in found:
        lines += [
            f"{one.kind.number} {one.severity.upper()} {one.name}: {cell(one.what)}",
            f"   why   {cell(one.why)}", f"   fix   {cell(one.fix)}", f"   seen  {cell(one.source)}",
        ]  # fmt: skip
        lines += [f"   see   {one.kind.standard}"] if one.kind.standard else []
    lines.append(", ".join(f"{count} {name}{'' if count == 1 else 's'}" for name, count in counted.items()) + ".")
    return "\n".join(lines) if found else "Nothing found."
