"""What can be told from settings alone."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from collections.abc import Iterator
from urllib.parse import urlsplit

from ...credentials import KEY_LIFETIME
from ...gate.manners import MODE, OBSERVE_UNTIL
from ...house import SECRET, TRUSTED_PROXIES, UNIX
from ...house.declared import SECRET_FILE
from ...notices import MAIL_URL
from ...onboarding import ONBOARDING
from ...people import BASE_URL
from ...quotas import COUNTERS_URL, DEFAULT_PLAN, plan_of
from .finding import Finding, Look
from .kinds import ERROR, WARNING, Kind

#: Fewer different characters than this in 32 or more is a pattern, not chance.
DIFFERENT_AT_LEAST = 12
YEAR = 366 * 86400
_WORKERS = re.compile(r"(?:--workers[ =]|-w ?)(\d+)")


def secret(look: Look) -> Iterator[Finding]:
    """Where the one secret comes from, and whether anybody could guess it."""
    house = look.house
    given = house.settings[SECRET]
    if given is None:
        path = house.folder / SECRET_FILE
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield look.found(
                Kind.SECRET_READABLE, str(path), f"{path} can be read by others.", fix=f"chmod 600 {path}"
            )  # fmt: skip
        what = f"The secret is self-made: {path}." if path.exists() else f"The secret will be self-made: {path}."
        yield look.found(Kind.SECRET_SELF_MADE, f"{SECRET.name} (default)", what)
        return
    if len(set(given)) < DIFFERENT_AT_LEAST:
        yield look.found(Kind.SECRET_WEAK, look.setting(SECRET.name))
    if given == look.house.app.config.get("SECRET_KEY"):
        yield look.found(Kind.SECRET_SHARED, look.setting(SECRET.name))


def host_secret(look: Look) -> Iterator[Finding]:
    """The host's own SECRET_KEY: sessions, and with them first parties, rest on it."""
    key = look.house.app.config.get("SECRET_KEY")
    if not key:
        yield look.found(Kind.SECRET_KEY_MISSING, "SECRET_KEY")
    elif len(key) < 16 or len(set(key)) < 6:
        yield look.found(Kind.SECRET_KEY_WEAK, "SECRET_KEY")


def base_url(look: Look) -> Iterator[Finding]:
    """Links in mails, and whether secrets travel in the open."""
    url = look.house.settings[BASE_URL]
    if url is None:
        yield look.found(Kind.BASE_URL_MISSING, look.setting(BASE_URL.name))
    elif urlsplit(url).scheme != "https" and urlsplit(url).hostname not in ("localhost", "127.0.0.1"):
        yield look.found(Kind.HTTPS_MISSING, look.setting(BASE_URL.name), f"APIGUARD_BASE_URL is {url}.")


def observing(look: Look) -> Iterator[Finding]:
    """Refusals that are only taken down."""
    settings = look.house.settings
    if settings[MODE] != "observe":
        return
    source, what = look.setting(MODE.name), "The gate observes: who lacks a scope gets in."
    if settings[OBSERVE_UNTIL] == float("inf"):
        why = f"{Kind.MODE_OBSERVE.why} And no day ends it."
        yield look.found(Kind.MODE_OBSERVE, source, what, why=why)
    else:
        yield look.found(Kind.MODE_OBSERVE, source, what, severity=WARNING, fix="Set APIGUARD_MODE=enforce.")


def counters(look: Look) -> Iterator[Finding]:
    """Counting that every process does for itself."""
    url, limiter = look.house.settings[COUNTERS_URL] or "", look.house.options.limiter
    source = look.setting(COUNTERS_URL.name)
    if limiter is not None:
        url, source = str(getattr(limiter, "_storage_uri", None) or "memory://"), "APIGuard(limiter=…)"
    if not url.startswith("memory"):
        return
    workers = _workers()
    what = f"Each process counts for itself{f', and there are {workers}' if workers > 1 else ''}."
    yield look.found(Kind.COUNTERS_MEMORY, source, what, severity=ERROR if workers > 1 else None)


def _workers() -> int:
    """How many worker processes the environment asks gunicorn for; 1 when it says nothing."""
    told = _WORKERS.search(os.environ.get("GUNICORN_CMD_ARGS", ""))
    text = told[1] if told else os.environ.get("WEB_CONCURRENCY", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def lifetimes(look: Look) -> Iterator[Finding]:
    """Keys that live longer than anybody remembers them."""
    for environment, seconds in look.house.settings[KEY_LIFETIME].items():
        if seconds > YEAR:
            what = f"Keys in {environment} live {seconds // 86400} days."
            yield look.found(Kind.KEY_LIFETIME, look.setting(KEY_LIFETIME.name), what)


def demo_defaults(look: Look) -> Iterator[Finding]:
    """What is fine to try things out, and not to serve."""
    settings = look.house.settings
    for setting in settings.declared:
        if setting.demo_only and settings.source(setting) == "default":
            what = f"{setting.name} has its default, which is good for a demo only."
            yield look.found(
                Kind.DEMO_DEFAULT, f"{setting.name} (default)", what, why=setting.doc, fix=f"Set {setting.name}."
            )  # fmt: skip


def mail(look: Look) -> Iterator[Finding]:
    """Whether anybody is told anything."""
    settings = look.house.settings
    if settings[MAIL_URL] is not None or look.house.options.notifiers:
        return
    source = look.setting(MAIL_URL.name)
    if settings[ONBOARDING] == "open":
        why = "Nobody can prove an address, so nobody can register."
        yield look.found(Kind.MAIL_MISSING, source, severity=ERROR, why=why)
    else:
        yield look.found(Kind.MAIL_MISSING, source)


def plans(look: Look) -> Iterator[Finding]:
    """What a client without a plan of its own may do."""
    default = look.house.settings[DEFAULT_PLAN]
    source = look.setting(DEFAULT_PLAN.name)
    if default is None:
        yield look.found(Kind.PLAN_MISSING, source)
        return
    with look.house.store.read() as conn:
        if plan_of(conn, default) is None:
            yield look.found(Kind.PLAN_UNKNOWN, source, f"The default plan {default!r} is not written down.")


def trusted(look: Look) -> Iterator[Finding]:
    """Proxies that no peer can be."""
    for one in look.house.settings[TRUSTED_PROXIES]:
        if one == UNIX:
            continue
        try:
            ipaddress.ip_address(one)
        except ValueError:
            what = f"APIGUARD_TRUSTED_PROXIES names {one!r}, which is no address."
            yield look.found(Kind.PROXIES_UNREADABLE, look.setting(TRUSTED_PROXIES.name), what)


EXAMINATIONS = (secret, host_secret, base_url, observing, counters, lifetimes, demo_defaults, mail, plans, trusted)
