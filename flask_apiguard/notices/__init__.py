"""Telling people: an outbox that notices wait in, and the ways out of it."""

from __future__ import annotations

from ..clock import Clock
from ..contracts import Notice, Notifier
from ..errors import ConfigurationError
from ..settings import Setting, Settings, optional_text
from .mail import MailNotifier
from .outbox import CONFIDENTIAL, QUEUED, Delivered, Outbox, Queued, notify
from .plain import LogNotifier, NullNotifier
from .webhook import WebhookNotifier, verify_signature

MAIL_URL: Setting[str | None] = Setting(
    "APIGUARD_MAIL_URL",
    None,
    optional_text,
    "The mail server that notices leave through, smtp://USER:PASSWORD@HOST:587 or smtps://…:465.",
    secret=True,
)
MAIL_FROM: Setting[str | None] = Setting(
    "APIGUARD_MAIL_FROM", None, optional_text, "The e-mail address that notices come from."
)
WEBHOOK_URL: Setting[str | None] = Setting(
    "APIGUARD_WEBHOOK_URL", None, optional_text, "The URL that every notice is posted to as signed JSON."
)
WEBHOOK_SECRET: Setting[str | None] = Setting(
    "APIGUARD_WEBHOOK_SECRET",
    None,
    optional_text,
    "The secret that posted notices are signed with (HMAC-SHA-256).",
    secret=True,
)
SETTINGS = (MAIL_URL, MAIL_FROM, WEBHOOK_URL, WEBHOOK_SECRET)


def notifiers_of(settings: Settings, clock: Clock) -> tuple[Notifier, ...]:
    """The notifiers that the settings ask for; the one that tells nobody when they ask for none.

    :raises ConfigurationError: a part of what a notifier needs is missing.
    """
    found: list[Notifier] = []
    mail, sender = settings[MAIL_URL], settings[MAIL_FROM]
    if mail is not None:
        if sender is None:
            raise ConfigurationError("APIGUARD_MAIL_URL is set, APIGUARD_MAIL_FROM is not.", MAIL_FROM.doc)
        found.append(MailNotifier(mail, sender))
    url, secret = settings[WEBHOOK_URL], settings[WEBHOOK_SECRET]
    if url is not None:
        if secret is None:
            raise ConfigurationError("APIGUARD_WEBHOOK_URL is set, APIGUARD_WEBHOOK_SECRET is not.", WEBHOOK_SECRET.doc)
        found.append(WebhookNotifier(url, secret, clock))
    return tuple(found) or (NullNotifier(),)


__all__ = [
    "CONFIDENTIAL",
    "QUEUED",
    "SETTINGS",
    "Delivered",
    "LogNotifier",
    "MailNotifier",
    "Notice",
    "NullNotifier",
    "Outbox",
    "Queued",
    "WebhookNotifier",
    "notifiers_of",
    "notify",
    "verify_signature",
]
