"""Client certificates, as a proxy that ends TLS tells of them (RFC 8705, section 3).

Two ways of telling are read: ``Client-Cert`` (RFC 9440), and ``X-SSL-Client-Cert`` with an escaped PEM text, which is
nginx's ``$ssl_client_escaped_cert``. From a peer that is not in ``APIGUARD_TRUSTED_PROXIES`` both say nothing: whoever
reaches the app past its proxy could write into them what they like.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..admission import admission_in
from ..crypto import base64url

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

CLAIM = "x5t#S256"
LENGTH_AT_MOST = 16 << 10
STANDARD, ESCAPED = "HTTP_CLIENT_CERT", "HTTP_X_SSL_CLIENT_CERT"


class Certificates:
    """Finds the certificate behind a request. ``trusts`` says whether a peer's word counts."""

    def __init__(self, trusts: Callable[[str], bool]) -> None:
        self._trusts = trusts

    def thumbprint(self, environ: WSGIEnvironment) -> str | None:
        """The SHA-256 thumbprint (section 3.1) of the certificate that the client showed by TLS.

        None when there is none, when it is told in two ways, when it can't be read, or when nobody trusted tells.
        """
        admission = admission_in(environ)
        told = [name for name in (STANDARD, ESCAPED) if environ.get(name)]
        if admission is None or len(told) != 1 or not self._trusts(admission.peer):
            return None
        text = str(environ[told[0]])
        if len(text) > LENGTH_AT_MOST:
            return None
        der = _standard(text) if told[0] == STANDARD else _escaped(text)
        return None if der is None else base64url(hashlib.sha256(der).digest())


def _standard(text: str) -> bytes | None:
    """A Byte Sequence of RFC 9651 (section 3.3.5), whose bytes are one certificate."""
    text = text.strip(" ")
    if len(text) < 2 or text[0] != ":" or text[-1] != ":":
        return None
    try:
        return x509.load_der_x509_certificate(base64.b64decode(text[1:-1], validate=True)).public_bytes(Encoding.DER)
    except (binascii.Error, ValueError):
        return None


def _escaped(text: str) -> bytes | None:
    """One certificate as percent-escaped PEM."""
    try:
        found = x509.load_pem_x509_certificates(unquote(text).encode("ascii"))
    except ValueError:
        return None
    return found[0].public_bytes(Encoding.DER) if len(found) == 1 else None
