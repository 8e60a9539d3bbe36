"""The authorization server, where there is one: its name, its lifetimes, its keys, and where codes are sent."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import sqlalchemy as sa

from ...clients.tables import application
from ...credentials import TOKEN_LIFETIME, Lifetimes
from ...oauth import ISSUER, SIGNING_KEY_LIFETIME, SigningPhase, listed_keys
from ...oauth.certificate_table import oauth_certificate
from ...oauth.settings import REFRESH_LIFETIME
from ...oauth.signing_table import signing_key
from ...oauth.tables import oauth_key
from ...onboarding.checks.network import flaw_of
from ...people import BASE_URL
from ...values import State
from .finding import Finding, Look
from .kinds import Kind

TOKEN_AT_MOST, REFRESH_AT_MOST = 3600, 90 * 86400
#: How long a key may sign beyond its time before somebody should know.
LATE = dt.timedelta(days=3)
SOON = dt.timedelta(days=14)


def issuer(look: Look) -> Iterator[Finding]:
    """What clients know the server by, and whether it can ask users."""
    settings = look.house.settings
    named, base = settings[ISSUER], settings[BASE_URL]
    if named is None:
        return
    if urlsplit(named).scheme != "https":
        yield look.found(Kind.ISSUER_INSECURE, look.setting(ISSUER.name), f"APIGUARD_ISSUER is {named}.")
    if base is not None and urlsplit(base)[:2] != urlsplit(named)[:2]:
        what = f"APIGUARD_ISSUER is {named}, APIGUARD_BASE_URL is {base}."
        yield look.found(Kind.ISSUER_ELSEWHERE, look.setting(ISSUER.name), what)
    if look.house.options.host_user is None:
        yield look.found(Kind.HOST_USER_MISSING, "guard.host_user")


def mounted(look: Look) -> Iterator[Finding]:
    """Prefixes that can be seen from here: the one of links in mails, and the one that gunicorn reads.

    What a server, a dispatcher or a proxy says with each request is told by the first one that differs, in the log.
    """
    places, base = look.house.places, look.house.settings[BASE_URL]
    if places is None:
        return
    seen = {} if base is None else {look.setting(BASE_URL.name): urlsplit(base).path}
    if "SCRIPT_NAME" in os.environ:
        seen["SCRIPT_NAME (environment)"] = os.environ["SCRIPT_NAME"]
    for source, path in seen.items():
        if path.rstrip("/") != places.root:
            what = f"{source.partition(' ')[0]} says {path or '/'}, APPLICATION_ROOT {places.root or '/'}."
            yield look.found(Kind.ISSUER_MOUNTED, source, what)


def lifetimes(look: Look) -> Iterator[Finding]:
    """Tokens that live for longer than a thief needs."""
    settings = look.house.settings
    if settings[ISSUER] is None:
        return
    if _longest(settings[TOKEN_LIFETIME]) > TOKEN_AT_MOST:
        what = f"Access tokens live for {_longest(settings[TOKEN_LIFETIME]) // 60} minutes."
        yield look.found(Kind.TOKEN_LIFETIME, look.setting(TOKEN_LIFETIME.name), what)
    if _longest(settings[REFRESH_LIFETIME]) > REFRESH_AT_MOST:
        what = f"Refresh tokens wait for {_longest(settings[REFRESH_LIFETIME]) // 86400} days."
        yield look.found(Kind.REFRESH_LIFETIME, look.setting(REFRESH_LIFETIME.name), what)


def _longest(spans: Lifetimes) -> int:
    return max((*spans.base.values(), *spans.named.values()))


def redirects(look: Look) -> Iterator[Finding]:
    """Where codes are sent. What is registered today was examined; what an older release or a file wrote was not."""
    query = sa.select(application.c.id, application.c.redirect_uris).where(application.c.state != State.RETIRED)
    with look.house.store.read() as conn:
        rows = conn.execute(query.order_by(application.c.id)).all()
    for row in rows:
        for uri in row.redirect_uris:
            if flaw := flaw_of(uri):
                what = f"The redirect URI {str(uri)[:200]} of {row.id} {flaw}."
                fix = f"flask apiguard redirect-uris set {row.id} URI"
                yield look.found(Kind.REDIRECT_URI, f"application {row.id}", what, fix=fix)


def signing_keys(look: Look) -> Iterator[Finding]:
    """Whether the key that signs is in its time, and opens under the secret that is set."""
    house = look.house
    if house.settings[ISSUER] is None:
        return
    from ...oauth.signing import Unsealable, unseal  # and with it what signs, which nobody else here needs

    lifetime = dt.timedelta(seconds=house.settings[SIGNING_KEY_LIFETIME])
    with house.store.read() as conn:
        listed = listed_keys(conn, house.clock.now())
        sealed = conn.execute(sa.select(signing_key).where(signing_key.c.revoked_at.is_(None))).all()
    waiting = any(one.phase is SigningPhase.WAITING for one in listed)
    for one in listed:
        if one.phase is SigningPhase.SIGNING and not waiting and house.clock.now() - one.active_at > lifetime + LATE:
            days = (house.clock.now() - one.active_at).days
            yield look.found(Kind.SIGNING_KEY_OLD, "signing keys", f"{one.id} has been signing for {days} days.")
    for row in sealed:
        if row.sealed is None:
            continue
        try:
            unseal(house.secrets, row.id, row.algorithm, row.sealed)
        except Unsealable:
            what = f"{row.id} was sealed under another secret, or for another row."
            fix = f"Set APIGUARD_SECRET back, or: flask apiguard signing-keys revoke {row.id}"
            yield look.found(Kind.SIGNING_KEY_SEALED, "signing keys", what, fix=fix)


def proofs(look: Look) -> Iterator[Finding]:
    """What clients prove themselves with and is about to end; the latest of each kind and client is what counts."""
    for table, kind, word in (
        (oauth_key, Kind.PUBLIC_KEY_ENDING, "public key"),
        (oauth_certificate, Kind.CERTIFICATE_ENDING, "certificate"),
    ):
        now, last = look.house.clock.now(), sa.func.max(table.c.expires_at).label("last")
        query = sa.select(table.c.client_id, last).where(table.c.revoked_at.is_(None)).group_by(table.c.client_id)
        with look.house.store.read() as conn:
            rows = conn.execute(query.having(sa.and_(last > now, last < now + SOON)).order_by(table.c.client_id)).all()
        for row in rows:
            what = f"The last {word} of {row.client_id} ends on {row.last:%Y-%m-%d}."
            yield look.found(kind, f"client {row.client_id}", what)


EXAMINATIONS = (issuer, mounted, lifetimes)
INSIDE = (redirects, signing_keys, proofs)
