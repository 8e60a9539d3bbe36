"""What can be told from settings alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from urllib.parse import urlsplit

from ...credentials import KEY_LIFETIME
from ...gate.manners import MODE, OBSERVE_UNTIL
from ...house import SECRET
from ...house.declared import SECRET_FILE
from ...notices import MAIL_URL
from ...onboarding import ONBOARDING
from ...people import BASE_URL
from ...quotas import COUNTERS_URL, DEFAULT_PLAN, plan_of
from .finding import ERROR, NOTE, WARNING, Finding, Look

#: Fewer different characters than this in 32 or more is a pattern, not chance.
DIFFERENT_AT_LEAST = 12
YEAR = 366 * 86400


def secret(look: Look) -> Iterator[Finding]:
    """Where the one secret comes from, and whether anybody could guess it."""
    house = look.house
    given = house.settings[SECRET]
    if given is None:
        path = house.folder / SECRET_FILE
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Finding(
                ERROR, "secret-readable", f"{path} can be read by others.",
                "Whoever reads it can sign the ledger and tell which keys fit.", f"chmod 600 {path}", str(path),
            )  # fmt: skip
        yield Finding(
            NOTE, "secret-self-made",
            f"The secret is self-made: {path}.", "Without it the store opens for nobody, and no backup of ours has it.",
            "Keep a copy elsewhere, or set APIGUARD_SECRET.", "APIGUARD_SECRET (default)",
        )  # fmt: skip
        return
    if len(set(given)) < DIFFERENT_AT_LEAST:
        yield Finding(
            ERROR, "secret-weak", "APIGUARD_SECRET looks like a pattern.", "Every key and signature rests on it.",
            'python -c "import secrets; print(secrets.token_urlsafe(48))"', _source(look, SECRET.name),
        )  # fmt: skip
    if given == look.house.app.config.get("SECRET_KEY"):
        yield Finding(
            WARNING, "secret-shared", "APIGUARD_SECRET is the app's SECRET_KEY.",
            "One leak opens both, and neither can be changed without the other.", "Give it a secret of its own.",
            _source(look, SECRET.name),
        )  # fmt: skip


def _source(look: Look, name: str) -> str:
    setting = next(one for one in look.house.settings.declared if one.name == name)
    return f"{name} ({look.house.settings.source(setting)})"


def host_secret(look: Look) -> Iterator[Finding]:
    """The host's own SECRET_KEY: sessions, and with them first parties, rest on it."""
    key = look.house.app.config.get("SECRET_KEY")
    if not key:
        yield Finding(
            NOTE, "secret-key-missing", "SECRET_KEY is not set.", "Sessions of portal and console need it.",
            'python -c "import secrets; print(secrets.token_urlsafe(48))"', "SECRET_KEY",
        )  # fmt: skip
    elif len(key) < 16 or len(set(key)) < 6:
        yield Finding(
            look.graver(), "secret-key-weak", "SECRET_KEY is short or a pattern.",
            "Who guesses it signs any session, and comes in as a first party.",
            'python -c "import secrets; print(secrets.token_urlsafe(48))"', "SECRET_KEY",
        )  # fmt: skip


def base_url(look: Look) -> Iterator[Finding]:
    """Links in mails, and whether secrets travel in the open."""
    url = look.house.settings[BASE_URL]
    if url is None:
        yield Finding(
            WARNING if look.deploy else NOTE, "base-url-missing", "Nobody said where the app is reached from outside.",
            "Mails carry bare tokens instead of links.", "Set APIGUARD_BASE_URL=https://…",
            _source(look, BASE_URL.name),
        )  # fmt: skip
    elif urlsplit(url).scheme != "https" and urlsplit(url).hostname not in ("localhost", "127.0.0.1"):
        yield Finding(
            look.graver(), "https-missing", f"APIGUARD_BASE_URL is {url}.",
            "Keys and sign-in links would travel readable by everybody in between.", "Serve https, and say so there.",
            _source(look, BASE_URL.name),
        )  # fmt: skip


def observing(look: Look) -> Iterator[Finding]:
    """Refusals that are only taken down."""
    settings = look.house.settings
    if settings[MODE] != "observe":
        return
    endless = settings[OBSERVE_UNTIL] == float("inf")
    yield Finding(
        look.graver() if endless else WARNING, "mode-observe", "The gate observes: who lacks a scope gets in.",
        "Only wrong and revoked credentials are refused." + (" And no day ends it." if endless else ""),
        "Set APIGUARD_MODE=enforce" + (", or APIGUARD_OBSERVE_UNTIL=YYYY-MM-DD." if endless else "."),
        _source(look, MODE.name),
    )  # fmt: skip


def counters(look: Look) -> Iterator[Finding]:
    """Counting that every process does for itself."""
    url = look.house.settings[COUNTERS_URL] or ""
    if not url.startswith("memory"):
        return
    workers = os.environ.get("WEB_CONCURRENCY", "")
    many = workers.isdigit() and int(workers) > 1
    yield Finding(
        ERROR if many else look.graver(), "counters-memory",
        f"Each process counts for itself{f', and there are {workers}' if many else ''}.",
        "A limit of 20 a second is 20 in every worker, and none after a restart.",
        "Unset APIGUARD_COUNTERS_URL: the shared file is exact on one host. Across hosts: redis://…",
        _source(look, COUNTERS_URL.name),
    )  # fmt: skip


def lifetimes(look: Look) -> Iterator[Finding]:
    """Keys that live longer than anybody remembers them."""
    for environment, seconds in look.house.settings[KEY_LIFETIME].items():
        if seconds > YEAR:
            yield Finding(
                WARNING, "key-lifetime", f"Keys in {environment} live {seconds // 86400} days.",
                "A key that nobody has to renew is a key that nobody misses.", "Set APIGUARD_KEY_LIFETIME=365d.",
                _source(look, KEY_LIFETIME.name),
            )  # fmt: skip


def demo_defaults(look: Look) -> Iterator[Finding]:
    """What is fine to try things out, and not to serve."""
    settings = look.house.settings
    for setting in settings.declared:
        if setting.demo_only and settings.source(setting) == "default":
            yield Finding(
                look.graver(), "demo-default", f"{setting.name} has its default, which is good for a demo only.",
                setting.doc, f"Set {setting.name}.", f"{setting.name} (default)",
            )  # fmt: skip
    if settings[MAIL_URL] is None and not look.house.options.notifiers:
        open_door = settings[ONBOARDING] == "open"
        yield Finding(
            ERROR if open_door else WARNING if look.deploy else NOTE, "mail-missing", "Nobody is told by mail.",
            "Nobody can prove an address, so nobody can register." if open_door
            else "Expiring keys, anomalies and reviews wait to be looked for.",
            "Set APIGUARD_MAIL_URL and APIGUARD_MAIL_FROM.", _source(look, MAIL_URL.name),
        )  # fmt: skip
    default = settings[DEFAULT_PLAN]
    if default is not None and not _is_written(look, default):
        yield Finding(
            ERROR, "plan-unknown", f"The default plan {default!r} is not written down.",
            "Every client without a plan of its own is refused.", "Write it with `apply`, or correct the name.",
            _source(look, DEFAULT_PLAN.name),
        )  # fmt: skip
    if default is None:
        yield Finding(
            NOTE, "plan-missing", "A client without a plan has no limit but those of its routes.",
            "One client's loop is everybody's outage.", "Write a plan (`apply`) and set APIGUARD_DEFAULT_PLAN.",
            _source(look, DEFAULT_PLAN.name),
        )  # fmt: skip


def _is_written(look: Look, plan: str) -> bool:
    with look.house.store.read() as conn:
        return plan_of(conn, plan) is not None


EXAMINATIONS = (secret, host_secret, base_url, observing, counters, lifetimes, demo_defaults)
