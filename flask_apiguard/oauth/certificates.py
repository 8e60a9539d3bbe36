"""Client certificates, as whoever ended TLS tells of them (RFC 8705, section 6.5).

A proxy tells in ``Client-Cert`` (RFC 9440), or in ``X-SSL-Client-Cert`` with an escaped PEM text, which is nginx's
``$ssl_client_escaped_cert``; in ``X-SSL-Client-Verify`` it says ``SUCCESS`` of a certificate whose chain it followed to
an authority that it trusts. From a peer that is not in ``APIGUARD_TRUSTED_PROXIES`` all of them say nothing: whoever
reaches the app past its proxy could write into them what they like. A WSGI server that ends TLS itself tells in the
environ, where no client writes: ``SSL_CLIENT_CERT`` and ``SSL_CLIENT_VERIFY``, or the very socket.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from ..admission import admission_in
from ..crypto import base64url

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

CLAIM = "x5t#S256"
LENGTH_AT_MOST = 16 << 10
STANDARD, ESCAPED, VERIFIED = "HTTP_CLIENT_CERT", "HTTP_X_SSL_CLIENT_CERT", "HTTP_X_SSL_CLIENT_VERIFY"
OF_SERVER, OF_SERVER_VERIFIED = "SSL_CLIENT_CERT", "SSL_CLIENT_VERIFY"
SOCKETS = ("gunicorn.socket", "werkzeug.socket")
SUCCESS = "SUCCESS"
#: What the library raises of a certificate that can't be read, at once or when it is asked for what stands in it.
UNREADABLE = (
    TypeError, UnsupportedAlgorithm, ValueError, x509.DuplicateExtension, x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)  # fmt: skip
#: One certificate, and nothing around it that another reader might take for another one.
_PEM = re.compile(r"\s*-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*")


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate whose key a client proved to hold by TLS.

    ``is_verified``: its chain was followed to a trusted authority as well. Without that anybody may have written it.
    """

    certificate: x509.Certificate = field(repr=False)
    is_verified: bool

    @property
    def thumbprint(self) -> str:
        """What tokens are bound to (section 3.1), URL-safe base 64 of SHA-256."""
        return thumbprint_of(self.certificate)


class Certificates:
    """Finds the certificate behind a request. ``trusts`` says whether a peer's word counts, ``are_told`` if any's."""

    def __init__(self, trusts: Callable[[str], bool], are_told: bool = False) -> None:
        self._trusts = trusts
        self.are_told = are_told

    def shown(self, environ: WSGIEnvironment) -> Shown | None:
        """The certificate that the client showed by TLS.

        None when there is none, when it is told in two ways, when it can't be read, or when nobody trusted tells.
        """
        admission = admission_in(environ)
        if admission is None:
            return None
        if self._trusts(admission.peer):  # then a certificate of the connection is the proxy's own
            return _told_by_proxy(environ)
        return _told_by_server(environ)

    def thumbprint(self, environ: WSGIEnvironment) -> str | None:
        """The thumbprint of that certificate, or None."""
        found = self.shown(environ)
        return None if found is None else found.thumbprint


def thumbprint_of(certificate: x509.Certificate) -> str:
    """The SHA-256 of a certificate (RFC 8705, section 3.1), in URL-safe base 64."""
    return base64url(hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest())


def read_pem(text: str) -> x509.Certificate | None:
    """One certificate in PEM, and nothing else; None for any other text."""
    if len(text) > LENGTH_AT_MOST or not _PEM.fullmatch(text):
        return None
    try:
        return x509.load_pem_x509_certificate(text.encode("ascii"))
    except UNREADABLE:
        return None


def read_der(data: bytes) -> x509.Certificate | None:
    """One certificate in DER; None for any other bytes."""
    try:
        return x509.load_der_x509_certificate(data)
    except UNREADABLE:
        return None


def _told_by_proxy(environ: WSGIEnvironment) -> Shown | None:
    told = [name for name in (STANDARD, ESCAPED) if environ.get(name)]
    text = str(environ[told[0]]) if len(told) == 1 else ""
    if not text or len(text) > LENGTH_AT_MOST:
        return None
    found = _standard(text) if told[0] == STANDARD else read_pem(unquote(text))
    return None if found is None else Shown(found, environ.get(VERIFIED) == SUCCESS)


def _told_by_server(environ: WSGIEnvironment) -> Shown | None:
    for name in SOCKETS:
        connection = environ.get(name)
        data = _of_socket(connection) if isinstance(connection, ssl.SSLSocket) else None
        if data is not None:
            found = read_der(data)
            return None if found is None else Shown(found, True)
    text = environ.get(OF_SERVER)
    found = read_pem(str(text)) if text else None
    return None if found is None else Shown(found, environ.get(OF_SERVER_VERIFIED) == SUCCESS)


def _of_socket(connection: ssl.SSLSocket) -> bytes | None:
    """What the client showed on the server's own TLS socket; Python's ``ssl`` takes none that it did not verify."""
    try:
        return connection.getpeercert(binary_form=True)
    except (OSError, ValueError):  # closed meanwhile
        return None


def _standard(text: str) -> x509.Certificate | None:
    """A Byte Sequence of RFC 9651 (section 3.3.5), whose bytes are one certificate."""
    text = text.strip(" ")
    if len(text) < 2 or text[0] != ":" or text[-1] != ":":
        return None
    try:
        return read_der(base64.b64decode(text[1:-1], validate=True))
    except (binascii.Error, ValueError):
        return None
