"""``doctor``: what is wrong, why that matters, and what mends it."""

from __future__ import annotations

from typing import Any

import click

from ..errors import APIGuardError
from .common import REFUSED, Desk, alone, plain, sentences
from .findings import EXAMINATIONS, INSIDE, Finding, Look, Severity, opened

_ORDER = list(Severity)


@alone("doctor", acts=False)
@click.option("--deploy", is_flag=True, help="Judge it as what will serve: what is fine at a desk is not fine there.")
def doctor(desk: Desk, deploy: bool) -> None:
    """Look at settings, surroundings and stores, and number what was found, the worst first.

    Changes nothing. 1 when there is an error; warnings and notes end with 0.
    """
    found = findings(Look(desk.house, deploy))
    errors = sum(one.severity is Severity.ERROR for one in found)
    numbered = [{"number": number, **plain(one)} for number, one in enumerate(found, 1)]
    desk.answer({"findings": numbered, "errors": errors, "deploy": deploy}, lambda: _text(numbered, errors))
    if errors:
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
            name = examine.__name__.replace("_", "-")
            found.append(Finding(Severity.ERROR, f"{name}-unknown", message, "It could not be looked at.", fix, name))
    return sorted(found, key=lambda one: _ORDER.index(one.severity))


def _text(numbered: list[dict[str, Any]], errors: int) -> str:
    told = []
    for one in numbered:
        told += [
            f"{one['number']}. {one['severity'].upper()} {one['name']}: {one['what']}",
            f"   why   {one['why']}", f"   fix   {one['fix']}", f"   seen  {one['source']}",
        ]  # fmt: skip
    kinds = {severity: sum(one["severity"] == severity for one in numbered) for severity in Severity}
    told.append(", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in kinds.items()) + ".")
    return "\n".join(told) if errors or numbered else "Nothing found."
