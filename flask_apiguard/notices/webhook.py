"""Notices by webhook: one signed JSON document per notice."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from ..clock import Clock
from ..contracts import Notice
from ..errors import APIGuardError, ConfigurationError
from ..net import Fetched, fetch

SIGNATURE = "Apiguard-Signature"
SECRET_AT_LEAST = 24
TOLERANCE = 300


class Undelivered(APIGuardError):
    """The receiver answered with something else than 2xx."""


class WebhookNotifier:
    """Posts each notice to one URL, over the fetcher that every outbound call goes through.

    The signature is ``t=<seconds>,v1=<hex>``: HMAC-SHA-256, keyed with the secret, over ``<seconds>.<body>``. The
    body's ``id`` stays the same when a notice comes again.

    :raises ConfigurationError: the URL is no http(s) URL, or the secret is short.
    """

    name = "webhook"

    def __init__(self, url: str, secret: str, clock: Clock, fetch: Callable[..., Fetched] = fetch) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ConfigurationError("APIGUARD_WEBHOOK_URL is not an http(s) URL.") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError("APIGUARD_WEBHOOK_URL is not an http(s) URL.")
        if len(secret) < SECRET_AT_LEAST:
            raise ConfigurationError(f"APIGUARD_WEBHOOK_SECRET needs at least {SECRET_AT_LEAST} characters.")
        self._url, self._secret, self._clock, self._fetch = url, secret, clock, fetch
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        # The operator wrote this URL: its host may be inside the network, nobody else's may.
        self._allow = (f"{host}:{port or (443 if parts.scheme == 'https' else 80)}",)

    def __repr__(self) -> str:
        return f"<WebhookNotifier {self._allow[0]}>"

    def send(self, notice: Notice) -> None:
        """Post it.

        :raises Undelivered: the receiver did not say 2xx.
        """
        body = document_of(notice)
        headers = {"Content-Type": "application/json", SIGNATURE: sign(self._secret, int(self._clock.time()), body)}
        answer = self._fetch(
            self._url, method="POST", body=body, headers=headers, timeout=10, max_bytes=65536, allow=self._allow
        )
        if not 200 <= answer.status < 300:
            raise Undelivered(f"the receiver answered {answer.status}")


def document_of(notice: Notice) -> bytes:
    """The body: ``id``, ``key``, ``subject``, ``text``, ``severity``, ``count``, ``facts``. No addresses."""
    facts = dict(notice.facts)
    document = {"id": facts.pop("notice_id", None), "count": facts.pop("count", 1), "facts": facts}
    document |= {"key": notice.key, "subject": notice.subject, "text": notice.text, "severity": notice.severity}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def sign(secret: str, seconds: int, body: bytes) -> str:
    """The header's value."""
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={mac}"


def verify_signature(secret: str, header: str, body: bytes, now: float) -> bool:
    """For receivers: whether we signed exactly this body, not more than five minutes ago."""
    found = re.fullmatch(r"t=([0-9]{1,12}),v1=[0-9a-f]{64}", header)
    if found is None or abs(now - int(found[1])) > TOLERANCE:
        return False
    return hmac.compare_digest(sign(secret, int(found[1]), body), header)
