"""What a registered certificate is known by: one of its names (RFC 8705, section 2.1.2), or its own thumbprint (2.2).

A name is written in one canonical form when it is registered, and compared exactly: no wildcards, no parts of names,
no other case. What a certificate says that can't be read is a name of nobody.
"""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum

from cryptography import x509
from cryptography.x509.oid import NameOID

from .certificates import UNREADABLE, thumbprint_of

VALUE_AT_MOST = 500


class KnownBy(StrEnum):
    """The members of a client's metadata are called ``tls_client_auth_`` and this, except for the thumbprint."""

    SUBJECT_DN = "subject_dn"
    SAN_DNS = "san_dns"
    SAN_URI = "san_uri"
    SAN_IP = "san_ip"
    SAN_EMAIL = "san_email"
    THUMBPRINT = "thumbprint"


_DNS = re.compile(r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_EMAIL = re.compile(r"[!-?A-~]+@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
#: Names that RFC 4514 leaves to dotted numbers, and that tools print all the same.
_SHORT = {"E": NameOID.EMAIL_ADDRESS, "emailAddress": NameOID.EMAIL_ADDRESS, "serialNumber": NameOID.SERIAL_NUMBER}


def canonical(known_by: KnownBy, text: str) -> str:
    """A name as it is kept.

    :raises ValueError: it is none of its kind; the sentence says what would be one.
    """
    if not 0 < len(text) <= VALUE_AT_MOST:
        raise ValueError(f"must have 1 to {VALUE_AT_MOST} characters")
    if known_by is KnownBy.SUBJECT_DN:
        return _subject(text).rfc4514_string()
    if known_by is KnownBy.SAN_IP:
        return _address(text)
    form, wanted = {
        KnownBy.SAN_DNS: (_DNS, "must be one DNS name in lower case, without a wildcard"),
        KnownBy.SAN_URI: (_URI, "must be one absolute URI"),
        KnownBy.SAN_EMAIL: (_EMAIL, "must be one address whose host is in lower case"),
    }[known_by]
    if not form.fullmatch(text):
        raise ValueError(wanted)
    return text


def is_known_by(certificate: x509.Certificate, known_by: KnownBy, value: str) -> bool:
    """Whether a certificate has this name, or is the one with this thumbprint."""
    try:
        if known_by is KnownBy.THUMBPRINT:
            return thumbprint_of(certificate) == value
        if known_by is KnownBy.SUBJECT_DN:
            return certificate.subject == _subject(value)
        return value in _alternatives(certificate, known_by)
    except UNREADABLE:  # whoever issued it
        return False


def _alternatives(certificate: x509.Certificate, known_by: KnownBy) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    if known_by is KnownBy.SAN_DNS:
        return found.get_values_for_type(x509.DNSName)
    if known_by is KnownBy.SAN_URI:
        return found.get_values_for_type(x509.UniformResourceIdentifier)
    if known_by is KnownBy.SAN_EMAIL:
        return found.get_values_for_type(x509.RFC822Name)
    return [str(address) for address in found.get_values_for_type(x509.IPAddress)]


def _address(text: str) -> str:
    try:
        found = str(ipaddress.ip_address(text))
    except ValueError:
        found = "%"
    if "%" in found:  # a zone is a name on one machine only
        raise ValueError("must be one IP address")
    return found


def _subject(text: str) -> x509.Name:
    wanted = "must be a distinguished name as RFC 4514 writes it, such as CN=payments,O=Acme,C=DE"
    try:
        found = x509.Name.from_rfc4514_string(text, _SHORT)
    except (ValueError, TypeError, KeyError):
        raise ValueError(wanted) from None
    if not list(found) or not all(str(attribute.value).isprintable() for attribute in found):
        raise ValueError(wanted)
    return x509.Name([x509.RelativeDistinguishedName(sorted(rdn, key=_by_type)) for rdn in found.rdns])


def _by_type(attribute: x509.NameAttribute) -> str:  # type: ignore[type-arg]
    return attribute.oid.dotted_string
