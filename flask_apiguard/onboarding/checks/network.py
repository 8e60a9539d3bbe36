"""Where answers are sent, and where calls come from."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import urlsplit

from ...values import Evidence
from ..dossier import Dossier
from .part import Takes, check, failed, number, passed

#: Wider than these, a range says nothing about who calls, by the version of IP.
WIDEST = {4: 8, 6: 19}
_LOOPBACK = ("127.0.0.1", "[::1]")
#: RFC 8252, section 7.1: a domain name of the app's maker, turned around, and one slash, for there is no host.
_PRIVATE_USE = re.compile(
    r"(?P<scheme>[a-z]{2,63}(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+):(?P<path>/(?:[\w.~!$&'()*+,;=:@%-][\w.~!$&'()*+,;=:@%/-]*)?)"
    r"(?:\?[\w.~!$&'()*+,;=:@%/?-]*)?",
    re.ASCII,
)


def flaw_of(uri: object) -> str:
    """What is wrong with a redirect URI (RFC 9700, section 2.1; RFC 8252, sections 7 and 8.4); empty when nothing.

    A private-use one is for public clients only; whoever sends somebody there asks ``is_private_use`` as well.
    """
    flaw = _flaw_of_text(uri)
    if flaw:
        return flaw
    private = _PRIVATE_USE.fullmatch(str(uri))
    if private is not None:
        return "has a path that leads elsewhere" if _climbs(private["path"]) else ""
    return _flaw_of_parts(str(uri))


def is_private_use(uri: str) -> bool:
    """Whether the system hands a URI to an app that claims its scheme, instead of to a host."""
    return _PRIVATE_USE.fullmatch(uri) is not None


def _flaw_of_text(uri: object) -> str:
    if not isinstance(uri, str) or not uri or len(uri) > 2000:
        return "is no text of 1 to 2000 characters"
    if not uri.isascii() or any(char in uri for char in '\\ "<>^`{|}') or not uri.isprintable():
        return "has characters that a URI can't have"
    if "*" in uri:
        return "has a wildcard"
    return "has a fragment" if "#" in uri else ""


def _flaw_of_parts(uri: str) -> str:
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return "can't be read"
    if parts.scheme not in ("https", "http") or not uri.lower().startswith(parts.scheme + "://"):
        shown = parts.scheme[:20] or "of nothing"
        return f"has the scheme {shown}, not https; an app's own is a domain turned around: com.example.app:/cb"
    if "@" in parts.netloc:
        return "carries a user"
    if not host or port == 0 or "%" in parts.netloc:
        return "names no host"
    if parts.scheme == "http" and parts.netloc.removesuffix(f":{port}") not in _LOOPBACK:
        return "is http on a host that is not loopback"
    return "has a path that leads elsewhere" if _climbs(parts.path) else ""


def _climbs(path: str) -> bool:
    return any(part in (".", "..") for part in path.split("/")) or "%2e" in path.lower()


@check("redirect-uris", "Redirect URIs lead where they say")
def redirects(dossier: Dossier) -> Evidence:
    """https, loopback, or an app's own scheme that is a domain turned around; no wildcard, fragment or user."""
    uris = dossier.application.redirect_uris
    expected = (
        "https, http on 127.0.0.1 or [::1], or for public clients com.example.app:/path; exact; no fragment, no user, "
        "no wildcard"
    )
    flaws = {_shown(uri): flaw for uri in uris if (flaw := flaw_of(uri))}
    if not flaws:
        return passed("Every redirect URI is exact and safe." if uris else "There is none.", count=len(uris))
    first, flaw = next(iter(flaws.items()))
    fix = "Register the exact address that answers go to: https, or com.example.app:/cb of an app."
    return failed(f"{first} {flaw}.", fix, flaws=flaws, expected=expected)


def _shown(uri: object) -> str:
    text = str(uri)[:200]
    return "".join(char if unicodedata.category(char)[0] not in "CZ" else "?" for char in text) or "An empty one"


_TAKES = (
    Takes("at_most", 100, number(1, 1000), "How many ranges an application may name."),
    Takes("widest_ipv4", WIDEST[4], number(0, 32), "How wide an IPv4 range may be, by the length of its prefix."),
    Takes("widest_ipv6", WIDEST[6], number(0, 128), "The same for IPv6."),
)


@check("addresses", "Address ranges are narrow enough to mean something", takes=_TAKES)
def addresses(dossier: Dossier, *, at_most: int, widest_ipv4: int, widest_ipv6: int) -> Evidence:
    """Readable, not everything, not what is never seen from outside."""
    ranges = dossier.application.addresses
    expected = f"ranges no wider than /{widest_ipv4} (IPv4) and /{widest_ipv6} (IPv6), at most {at_most}"
    fix = "List the addresses that your servers call from, such as 192.0.2.0/28."
    widest = {4: widest_ipv4, 6: widest_ipv6}
    flaws = {_shown(one): flaw for one in ranges if (flaw := _range_flaw(one, widest))}
    if len(ranges) > at_most:
        flaws["The list"] = f"has {len(ranges)} ranges"
    if flaws:
        first, flaw = next(iter(flaws.items()))
        return failed(f"{first} {flaw}.", fix, flaws=flaws, expected=expected)
    return passed("Every range is narrow." if ranges else "Calls may come from anywhere.", count=len(ranges))


def _range_flaw(text: object, widest: Mapping[int, int]) -> str:
    try:
        network = ipaddress.ip_network(str(text), strict=False)
    except ValueError:
        return "is no address and no range"
    if network.prefixlen < widest[network.version]:
        return "is wider than any caller needs"
    if network.is_multicast or network.is_unspecified or network.is_reserved:
        return "is an address that nobody calls from"
    return ""


CHECKS = (redirects, addresses)
