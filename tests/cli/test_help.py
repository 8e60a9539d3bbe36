"""Every command explains itself, answers in JSON, and costs nothing until it is asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask import Flask

from flask_apiguard import APIGuard
from flask_apiguard.cli import NOUNS, commands

from .conftest import ROOT, Answer, Run

pytestmark = pytest.mark.sqlite

DESIGNED = {
    "anomalies", "applications", "apply", "audit", "calls", "certificates", "clients", "consents", "coverage", "db",
    "doctor", "drill", "explain", "grants", "init", "keys", "organizations", "people", "plans", "public-keys",
    "redirect-uris", "reviews", "roles", "scopes", "settings", "signing-keys", "tick",
}  # fmt: skip
VERBS = {
    "anomalies": {"list", "show", "close", "mute"},
    "applications": {"register", "edit", "prove", "list", "show", "suspend", "resume", "retire", "move"},
    "audit": {"verify", "list", "report"},
    "calls": {"list"},
    "certificates": {"add", "list", "rotate", "revoke"},
    "clients": {"show", "change", "plan", "roles", "override", "usage"},
    "consents": {"list", "withdraw", "withdraw-all"},
    "db": {"upgrade", "current", "backup"},
    "grants": {"list", "give", "end"},
    "keys": {"create", "list", "rotate", "revoke", "import"},
    "organizations": {"list", "create", "rename"},
    "people": {"list", "invite", "withdraw", "seat", "disable", "token"},
    "plans": {"list"},
    "public-keys": {"add", "list", "revoke"},
    "redirect-uris": {"list", "set"},
    "reviews": {"list", "show", "approve", "deny", "ask", "answer", "withdraw"},
    "roles": {"list"},
    "scopes": {"list"},
    "settings": {"list"},
    "signing-keys": {"list", "rotate", "revoke"},
}


def leaves() -> Iterator[tuple[str, click.Command]]:
    group = commands("apiguard")
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        found = group.get_command(ctx, name)
        assert found is not None
        if isinstance(found, click.Group):
            assert found.help, name
            yield from ((f"{name} {verb}", command) for verb, command in found.commands.items())
        else:
            yield name, found


def test_the_nouns_and_their_verbs_are_there(run: Run) -> None:
    told = run("--help").out
    assert set(NOUNS) == DESIGNED
    assert all(f"\n  {noun} " in told for noun in DESIGNED)
    for noun, verbs in VERBS.items():
        assert verbs <= {name.partition(" ")[2] for name, _ in leaves() if name.startswith(noun + " ")}


@pytest.mark.parametrize(("name", "command"), list(leaves()), ids=[name for name, _ in leaves()])
def test_a_command_says_what_it_does_and_each_option_what_it_means(name: str, command: click.Command) -> None:
    assert command.help, name
    assert command.short_help or len(command.get_short_help_str(200).split()) > 3
    options = {option.name: option for option in command.params if isinstance(option, click.Option)}
    assert "as_json" in options
    assert not [one for one, option in options.items() if not option.help], name


def test_a_command_that_is_wrongly_used_ends_with_2(run: Run) -> None:
    for name, _ in leaves():
        answer: Answer = run(*name.split(), "--no-such-option")
        assert (name, answer.status) == (name, 2)
        assert "Traceback" not in answer.err


def test_a_host_names_the_group_and_may_add_to_it(tmp_path: Path) -> None:
    app = Flask("other", instance_path=str(tmp_path))
    app.config["APIGUARD_CLI_NAME"] = "gate"
    APIGuard(app)
    group = app.cli.commands["gate"]
    assert isinstance(group, click.Group)

    @group.command("hello")
    def hello() -> None:
        """Greet."""
        click.echo("hello")

    runner = app.test_cli_runner()
    assert runner.invoke(args=["gate", "hello"]).stdout == "hello\n"
    assert "hello" in runner.invoke(args=["gate", "--help"]).stdout
    assert "keys" in runner.invoke(args=["gate", "--help"]).stdout


def test_guarding_an_app_imports_no_command() -> None:
    code = (
        "import sys, flask, flask_apiguard; flask_apiguard.APIGuard(flask.Flask('a'));"
        "print([name for name in sys.modules if 'apiguard.cli.' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
