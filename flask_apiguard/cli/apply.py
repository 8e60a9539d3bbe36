"""``apply``: scopes, roles, plans, checks, graduation and seats of the house as a file that is committed."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import click

from ..people import Invitation
from .common import REFUSED, USAGE, Desk, Refused, alone
from .differences import Change, changes_of


@alone("apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Ask nothing. Nothing is asked either where no terminal is.")
@click.option("--reason", help="Why; by default that the file was applied.")
def apply(desk: Desk, file: Path, dry_run: bool, yes: bool, reason: str | None) -> None:
    """Make stored scopes, roles, plans, checks, graduation and seats say what a TOML file says, in one transaction.

    What the file does not name stays; of a person it names, other seats of the house are taken. Shows the difference
    first (+ new, ~ changed, - taken). An unknown key is an error that names its place. Again changes nothing.
    """
    wanted = _read(file)
    changes = changes_of(desk.house, wanted, reason or f"Applied {file.name}.")
    for change in changes:
        desk.demand(change.act)
    told = [{"sign": change.sign, "what": change.what, "detail": change.detail} for change in changes]
    text = "\n".join(f"{change.sign} {change.what}{': ' if change.detail else ''}{change.detail}" for change in changes)
    if dry_run or not changes:
        desk.answer({"changes": told, "applied": False}, text or "Nothing differs.")
        return
    if not (yes or desk.as_json) and sys.stdin.isatty():
        click.echo(text)
        text = ""
        if not click.confirm("Apply this?"):
            desk.status = REFUSED
            return
    offered = _write(desk, changes)
    lines = [f"{one['email']} accepts by this, shown once; hand it over safely:\n  {one['link']}" for one in offered]
    shown = {"invitations": offered} if offered else {}
    desk.answer({"changes": told, "applied": True, **shown}, "\n".join([text, "Applied.", *lines]).lstrip())


def _write(desk: Desk, changes: list[Change]) -> list[dict[str, Any]]:
    """Make every change; the invitations that nothing will carry to their address, for who applies to do it."""
    with desk.house.store.write() as tx:
        made = [change.make(tx, desk.by) for change in changes]
    if desk.house.tells_in_confidence:
        return []
    return [
        {"email": one.email, "seat": one.seat, "expires": one.expires_at, "token": one.secret, "link": one.link}
        for one in made
        if isinstance(one, Invitation) and one.secret is not None
    ]


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{file} can't be read: {error}.", "It is TOML in UTF-8.", USAGE) from None
    except OSError as error:
        raise Refused(f"{file} can't be read ({error.strerror}).", status=USAGE) from None
