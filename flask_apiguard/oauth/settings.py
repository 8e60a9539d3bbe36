"""What this room reads from the configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..credentials import GRANT_TYPES, Lifetimes, Within
from ..settings import Setting, Settings, choice, flag, optional_text, seconds

_DAY = 86400
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_AUTHORITY = re.compile(r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")


def identifier(value: Any) -> str:
    """An https URL in its plain form: lower-case host, no query, fragment, user, or slash at its end.

    Identifiers are compared character by character (RFC 8414, section 3.3), so there is one way to write each. Plain
    http is for the machine itself: ``http://127.0.0.1:5000``.
    """
    wanted = "an https URL in lower case, without query, fragment and slash at its end"
    parts = urlsplit(value) if isinstance(value, str) and value.isascii() else None
    if parts is None or value != f"{parts.scheme}://{parts.netloc}{parts.path}":
        raise ValueError(wanted)
    dots = any(set(segment) == {"."} for segment in parts.path.split("/") if segment)
    if not _AUTHORITY.fullmatch(parts.netloc) or not _PATH.fullmatch(parts.path) or dots:
        raise ValueError(wanted)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return str(value)
    raise ValueError(wanted)


def optional_identifier(value: Any) -> str | None:
    """An identifier, or None."""
    return None if value is None or value == "" else identifier(value)


def signing_lifetime(value: Any) -> int:
    """A span of at least a week and at most a year, in seconds."""
    read = seconds(value)
    if not 7 * 86400 <= read <= 366 * 86400:
        raise ValueError('a span from a week to a year, such as "30d"')
    return read


_ASSERTION = Within(3600, 60, 3600)
ASSERTION_LIFETIME: Setting[Lifetimes] = Setting(
    "APIGUARD_ASSERTION_LIFETIME", _ASSERTION.default, _ASSERTION,
    "How far ahead the end of a client's assertion may lie; common client libraries sign for an hour.",
)  # fmt: skip
_CODE = Within(60, 10, 600)
CODE_LIFETIME: Setting[Lifetimes] = Setting(
    "APIGUARD_CODE_LIFETIME", _CODE.default, _CODE, "How long an authorization code waits for its one use."
)
_DEVICE = Within(900, 60, 1800)
DEVICE_LIFETIME: Setting[Lifetimes] = Setting(
    "APIGUARD_DEVICE_LIFETIME", _DEVICE.default, _DEVICE,
    "How long a device waits for its user's answer elsewhere, signing in included.",
)  # fmt: skip
DPOP_NONCE: Setting[bool] = Setting(
    "APIGUARD_DPOP_NONCE", False, flag,
    "Whether a proof of possession must hold a nonce of ours, so that none can be made in advance.",
)  # fmt: skip
ISSUER: Setting[str | None] = Setting(
    "APIGUARD_ISSUER", None, optional_identifier, "The URL that names the authorization server; unset leaves it off."
)
RESOURCE: Setting[str | None] = Setting(
    "APIGUARD_RESOURCE", None, optional_identifier,
    "The URL that names this API in tokens; by default the issuer's origin and the app's own root.",
)  # fmt: skip
_FAMILY = Within(365 * _DAY, 3600, 365 * _DAY)
FAMILY_LIFETIME: Setting[Lifetimes] = Setting(
    "APIGUARD_FAMILY_LIFETIME", _FAMILY.default, _FAMILY,
    "How long what a user allowed once can be refreshed in all, however often, before the user is asked again.",
)  # fmt: skip
_PUSHED = Within(300, 10, 600)
PUSHED_LIFETIME: Setting[Lifetimes] = Setting(
    "APIGUARD_PUSHED_LIFETIME", _PUSHED.default, _PUSHED,
    "How long a pushed authorization request waits for its browser, signing in included.",
)  # fmt: skip
_REFRESH = Within(30 * _DAY, 60, 365 * _DAY, tuple(name for name in GRANT_TYPES if name != "client_credentials"))
MTLS_URL: Setting[str | None] = Setting(
    "APIGUARD_MTLS_URL", None, optional_identifier,
    "The issuer's URL under the host that asks for TLS certificates, such as https://mtls.example.com.",
)  # fmt: skip
REFRESH_LIFETIME: Setting[Lifetimes] = Setting(
    "APIGUARD_REFRESH_LIFETIME", _REFRESH.default, _REFRESH, "How long a refresh token waits for its one use."
)
SIGN_IN: Setting[str | None] = Setting(
    "APIGUARD_SIGN_IN", None, optional_text,
    "Where the host signs its users in before they consent; the way back is appended as the parameter next.",
)  # fmt: skip
SIGNING_ALGORITHM: Setting[str] = Setting(
    "APIGUARD_SIGNING_ALGORITHM", "ES256", choice("ES256", "EdDSA", "PS256"),
    "What the next signing key of the authorization server is for.",
)  # fmt: skip
SIGNING_KEY_LIFETIME: Setting[int] = Setting(
    "APIGUARD_SIGNING_KEY_LIFETIME", 30 * 86400, signing_lifetime,
    "How long a signing key signs before its successor, published a day earlier, takes over.",
)  # fmt: skip
TOKEN_FORMAT: Setting[str] = Setting(
    "APIGUARD_TOKEN_FORMAT", "opaque", choice("jwt", "opaque"),
    "What access tokens are, for clients that have no choice of their own: opaque, or a signed jwt (RFC 9068).",
)  # fmt: skip
SETTINGS: tuple[Setting[Any], ...] = (
    ASSERTION_LIFETIME, CODE_LIFETIME, DEVICE_LIFETIME, DPOP_NONCE, FAMILY_LIFETIME, ISSUER, MTLS_URL, PUSHED_LIFETIME,
    REFRESH_LIFETIME, RESOURCE, SIGN_IN, SIGNING_ALGORITHM, SIGNING_KEY_LIFETIME, TOKEN_FORMAT,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spans:
    """How long what the endpoints give out lives; access tokens' lifetimes are ``Tokens``' own."""

    code: Lifetimes = _CODE.default
    device: Lifetimes = _DEVICE.default
    family: Lifetimes = _FAMILY.default
    pushed: Lifetimes = _PUSHED.default
    refresh: Lifetimes = _REFRESH.default


def spans(settings: Settings) -> Spans:
    """The lifetimes that were set."""
    return Spans(
        settings[CODE_LIFETIME], settings[DEVICE_LIFETIME], settings[FAMILY_LIFETIME], settings[PUSHED_LIFETIME],
        settings[REFRESH_LIFETIME],
    )  # fmt: skip
