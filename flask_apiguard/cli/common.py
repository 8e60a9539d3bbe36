"""What every command shares: whose app it is, who acts, how it answers, and how it says no."""

from __future__ import annotations

import datetime as dt
import functools
import getpass
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, is_dataclass
from enum import Enum
from typing import Any, NoReturn, TypeVar

import click
import sqlalchemy as sa
from flask import current_app
from flask.cli import with_appcontext

from ..clients import Application, registry
from ..errors import APIGuardError, ConfigurationError, Forbidden, Invalid, Missing, Problem, StoreAway
from ..house import NAME, House
from ..ledger import enter_refused
from ..people import Act, demand, refused_as
from ..settings import seconds
from ..values import Actor, By
from .sending import sent

Body = Callable[..., Any]
F = TypeVar("F", bound=Body)

DONE, REFUSED, USAGE = 0, 1, 2
COMMAND_SECONDS = 900
TOKEN_VARIABLE = "APIGUARD_PERSON_TOKEN"  # noqa: S105 - a variable's name


@dataclass
class Desk:
    """One command at work: the app's rooms, the form of the answer, and who acts."""

    house: House
    as_json: bool = False
    token: str | None = None
    #: What the exit status will be when nothing goes wrong from here on.
    status: int = field(default=DONE)
    #: What was demanded last.
    act: Act | None = None

    @functools.cached_property
    def by(self) -> By:
        """The person whose token was given, or the operator of the machine.

        :raises Refused: the token opens nothing.
        """
        if not self.token:
            return operator()
        found = self.house.people.verify_token(self.token)
        if found is None:
            raise Refused("This person token opens nothing.", "Make one with: flask apiguard people token EMAIL")
        return found

    def take_time(self) -> None:
        """For what goes through everything there is: nobody waits for it but whoever gave the command."""
        for store in (self.house.store, self.house.events_store):
            store.take_time(COMMAND_SECONDS)

    def application(self, conn: sa.Connection, application_id: str) -> Application:
        """An application that the actor may see. :raises Missing: there is none. :raises Forbidden: it may not."""
        found = registry.application(conn, application_id)
        self.demand(Act.CLIENTS_APPLICATION_READ, found.organization_id)
        return found

    def demand(self, act: Act, organization_id: str | None = None) -> By:
        """Go on only when the actor may; who that is."""
        self.act = act
        demand(self.by, act, organization_id)
        return self.by

    def answer(self, found: Any, text: str | Callable[[], str]) -> None:
        """Print ``found`` as JSON when that was asked for, else the text."""
        if self.as_json:
            click.echo(json.dumps(plain(found), indent=2))
        else:
            click.echo(text if isinstance(text, str) else text())

    def rows(self, found: Iterable[Mapping[str, Any]], columns: Sequence[str], nothing: str = "Nothing.") -> None:
        """Print a list: as JSON whole, as a table its named columns."""
        listed = list(found)
        self.answer(listed, lambda: table(listed, columns) if listed else nothing)

    def facts(self, found: Mapping[str, Any]) -> None:
        """Print one thing: as JSON, or a line for each of its facts."""
        self.answer(found, lambda: lines(found))


class Refused(APIGuardError):
    """A command says no: one sentence, and what mends it."""

    def __init__(self, message: str, fix: str = "", status: int = REFUSED) -> None:
        super().__init__(message)
        self.fix = fix
        self.status = status


def operator() -> By:
    """Whoever has a shell on this machine, by the operating system's name for them."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        name = str(os.getuid())
    return By(Actor.OPERATOR, name[:120])


def command(group: click.Group, name: str, *, acts: bool = True) -> Callable[[Body], click.Command]:
    """Make a function a command of a group. It gets a :class:`Desk` first, then its own options."""
    return lambda body: group.command(name, help=body.__doc__)(wrapped(body, acts=acts))


def alone(name: str, *, acts: bool = True) -> Callable[[Body], click.Command]:
    """Make a function a command that has no verb."""
    return lambda body: click.command(name, help=body.__doc__)(wrapped(body, acts=acts))


def wrapped(body: Body, *, acts: bool) -> Body:
    """Add what every command has, and turn our errors into one sentence on stderr and an honest exit status."""

    @functools.wraps(body)
    def run(as_json: bool, as_token: str | None = None, **options: Any) -> None:
        desk = Desk(house_at_hand(), as_json, as_token)
        try:
            if as_token:
                _ = desk.by  # now: to look at a token is a write of its own, and would wait for the body's forever
            with sent(desk.house), attempts(desk, f"{body.__module__.rpartition('.')[2]}.{body.__name__.rstrip('_')}"):
                body(desk, **options)
        except Missing as error:
            # Told alike to a person, whether it is not there or not theirs.
            fail(Missing() if as_token else error)
        except APIGuardError as error:
            fail(error)
        if desk.status:
            click.get_current_context().exit(desk.status)

    run = with_appcontext(run)
    run.__click_params__ = list(getattr(body, "__click_params__", []))  # type: ignore[attr-defined]
    if acts:
        run = click.option(
            "--as", "as_token", metavar="TOKEN", envvar=TOKEN_VARIABLE, show_envvar=True,
            help="Act as the person with this token, with no more than their seats allow.",
        )(run)  # fmt: skip
    return click.option("--json", "as_json", is_flag=True, help="Answer with JSON.")(run)


@contextmanager
def attempts(desk: Desk, name: str) -> Iterator[None]:
    """Put on record what somebody tried to change inside and may not, whichever room said no. Looking is no attempt."""
    try:
        yield
    except Forbidden as error:
        looked = desk.act is not None and desk.act.value.endswith(":read")
        if not error.on_record and not looked:
            about = "house:" + name.partition(".")[0] if error.whose is None else f"organization:{error.whose}"
            with desk.house.store.write() as tx:
                enter_refused(tx, desk.by, refused_as(desk.act), about, error, attempted=name)
        raise


def house_at_hand() -> House:
    """The rooms of the app that the command was started for."""
    house = current_app.extensions.get(NAME)
    if not isinstance(house, House):
        fail(ConfigurationError(f"{current_app.name} is not guarded.", "Call guard.init_app(app)."))
    return house


def fail(error: Exception) -> NoReturn:
    """Say what is wrong and what mends it, and end with the status that belongs to it."""
    message, fix, status = sentences(error)
    click.echo(f"Error: {cell(message)}", err=True)
    if fix:
        click.echo(f"  Fix: {cell(fix)}", err=True)
    click.get_current_context().exit(status)


def sentences(error: Exception) -> tuple[str, str, int]:
    """Message, fix and exit status of an error of ours."""
    if isinstance(error, Refused):
        return str(error), error.fix, error.status
    if isinstance(error, ConfigurationError):
        return str(error).removesuffix(error.fix).strip(), error.fix, REFUSED
    if isinstance(error, StoreAway):
        why = f" ({error.__cause__})" if isinstance(error.__cause__, OSError) else ""
        fix = "Start it, or correct where it is: flask apiguard doctor"
        return f"The {error.store} store does not answer{why}.", fix, 1
    if isinstance(error, Invalid):
        told = " ".join(f"{flaw.pointer}: {flaw.detail}".removeprefix(": ") for flaw in error.decision.flaws)
        return told or error.decision.reason.title, "Correct that and run the command again.", USAGE
    if isinstance(error, Problem):
        decision = error.decision
        fix = decision.action or ("" if decision.detail else decision.advice)
        return decision.detail or f"{decision.reason.title}.", "" if fix in decision.detail else fix, REFUSED
    return str(error), "", REFUSED


# -- the form of answers -----------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Anything of ours as JSON knows it; sets in order."""
    if isinstance(value, Enum):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(plain(one) for one in value)
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="seconds")
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def cell(value: Any) -> str:
    """One value on one line, without anything that a terminal would obey."""
    read = plain(value)
    if read is None:
        return "-"
    if isinstance(read, bool):
        return "yes" if read else "no"
    if isinstance(read, list):
        return " ".join(cell(one) for one in read) or "-"
    if isinstance(read, dict):
        return ", ".join(f"{key}={cell(one)}" for key, one in read.items()) or "-"
    return "".join(sign if sign.isprintable() else " " for sign in str(read)) or "-"


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows under the names of their columns."""
    cells = [[column.replace("_", " ") for column in columns]]
    cells += [[cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def lines(facts: Mapping[str, Any]) -> str:
    """A line for each fact."""
    width = max((len(name) for name in facts), default=0)
    return "\n".join(f"{name.replace('_', ' ').ljust(width)}  {cell(value)}" for name, value in facts.items())


# -- the types of options ----------------------------------------------------------------------------------------------


def span(value: str) -> dt.timedelta:
    """A span of time such as ``90d`` or ``12h``.

    :raises click.BadParameter: it is none.
    """
    try:
        return dt.timedelta(seconds=seconds(value))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not {error}.") from None


def moment(value: str) -> dt.datetime:
    """A day (``2027-01-31``, its first moment in UTC) or a moment with its offset (RFC 3339).

    :raises click.BadParameter: it is neither.
    """
    try:
        read = dt.datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a date such as 2027-01-31.") from None
    return read.replace(tzinfo=dt.UTC) if read.tzinfo is None else read.astimezone(dt.UTC)


def reasoned(body: F) -> F:
    """Demand why: the ledger keeps it."""
    return click.option("--reason", required=True, help="Why, in one sentence; it goes into the ledger.")(body)
