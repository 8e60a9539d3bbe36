"""Certificates as clients and servers hold them: from an authority, or signed by themselves."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

DAY = dt.timedelta(days=1)


SIGNS = x509.KeyUsage(
    digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
    key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
)  # fmt: skip


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Held:
    """A certificate and its private key, as a client holds them."""

    certificate: x509.Certificate
    key: Any = field(repr=False)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def escaped(self) -> dict[str, str]:
        """As nginx tells of it, not verified."""
        return {"X-SSL-Client-Cert": quote(self.pem, safe="")}

    @property
    def verified(self) -> dict[str, str]:
        """As nginx tells of it, once it followed its chain."""
        return {**self.escaped, "X-SSL-Client-Verify": "SUCCESS"}

    @property
    def standard(self) -> dict[str, str]:
        """As RFC 9440 tells of it."""
        return {"Client-Cert": f":{base64.b64encode(self.der).decode()}:"}

    def write(self, folder: Path, name: str) -> tuple[str, str]:
        """Where certificate and key lie now."""
        paths = folder / f"{name}.crt", folder / f"{name}.key"
        paths[0].write_text(self.pem)
        paths[1].write_text(self.key_pem)
        return str(paths[0]), str(paths[1])


def subject_of(text: str) -> x509.Name:
    return x509.Name.from_rfc4514_string(text)


def alternatives(**names: str) -> list[x509.GeneralName]:
    """`dns=`, `uri=`, `ip=`, `email=`."""
    makers: dict[str, Any] = {
        "dns": x509.DNSName, "uri": x509.UniformResourceIdentifier, "email": x509.RFC822Name,
        "ip": lambda text: x509.IPAddress(ipaddress.ip_address(text)),
    }  # fmt: skip
    return [makers[kind](text) for kind, text in names.items()]


def made(
    subject: str, *, issuer: Held | None = None, names: Sequence[x509.GeneralName] = (), key: Any = None,
    begins: dt.datetime | None = None, ends: dt.datetime | None = None, authority: bool = False,
) -> Held:  # fmt: skip
    """A certificate; signed by itself when no issuer is named."""
    key, now = key or new_key(), dt.datetime.now(dt.UTC)
    who = subject_of(subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or now - DAY)
        .not_valid_after(ends or now + 30 * DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((key if issuer is None else issuer.key).public_key()),
            critical=False,
        )
    )
    if authority:  # strict readers of chains want to be told
        builder = builder.add_extension(SIGNS, critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Held(builder.sign(key if issuer is None else issuer.key, SHA256()), key)
