"""Commands: ``flask apiguard NOUN VERB``. Nothing of this room is imported before one of them is asked for.

Every command takes ``--json`` and answers with 0 (done), 1 (refused, or something was found) or 2 (wrongly used).
Governed ones act as a person (``--as TOKEN``, or APIGUARD_PERSON_TOKEN), or else as the operator of the machine.
"""

from __future__ import annotations

from importlib import import_module

import click

#: Command by name, and where it stands.
NOUNS = {
    "anomalies": "anomalies:anomalies",
    "applications": "registering:applications",
    "apply": "apply:apply",
    "audit": "audit:audit",
    "calls": "calls:calls",
    "certificates": "certificates:certificates",
    "clients": "clients:clients",
    "consents": "consents:consents",
    "coverage": "coverage:coverage",
    "db": "db:db",
    "doctor": "doctor:doctor",
    "drill": "drill:drill",
    "explain": "explain:explain",
    "grants": "grants:grants",
    "init": "init:init",
    "keys": "keys:keys",
    "organizations": "organizations:organizations",
    "people": "people:people",
    "plans": "offers:plans",
    "public-keys": "public_keys:public_keys",
    "redirect-uris": "redirect_uris:redirect_uris",
    "reviews": "reviews:reviews",
    "roles": "offers:roles",
    "scopes": "offers:scopes",
    "settings": "offers:settings",
    "signing-keys": "signing_keys:signing_keys",
    "tick": "tick:tick",
}


class Commands(click.Group):
    """A group that imports a command when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, those that a host added too."""
        return sorted({*NOUNS, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One command, imported now."""
        place = NOUNS.get(cmd_name)
        if place is None or cmd_name in self.commands:
            return super().get_command(ctx, cmd_name)
        module, _, name = place.partition(":")
        found: click.Command = getattr(import_module(f".{module}", __name__), name)
        return found


def commands(name: str) -> click.Group:
    """The command group of one app, under the name that its settings give."""
    return Commands(name, help="Guard routes, bring in those who call them, and prove both to others.")


__all__ = ["NOUNS", "Commands", "commands"]
