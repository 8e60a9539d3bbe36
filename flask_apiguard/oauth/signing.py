"""Signing keys of our own: private parts, and how they are kept.

Sealed under a key that follows from ``APIGUARD_SECRET`` (AES-256-GCM), bound to the row they stand in: what is copied
into another row, or read from a stolen database, opens nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from ..crypto import Secrets, base64url
from .jwk import EDDSA, ES256, PS256, PSS, VerifyingKey, public_key

PURPOSE = "signing-keys"
NONCE_BYTES = 12
RSA_BITS = 3072

Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


class Unsealable(Exception):
    """A sealed key that this secret does not open, or that stands in another row than its own."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the one algorithm that it signs with."""

    algorithm: str
    _private: Private = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        """The signature as a JWS carries it (RFC 7518, section 3)."""
        key = self._private
        if isinstance(key, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key.sign(data)
        return key.sign(data, PSS, SHA256())

    @property
    def public(self) -> VerifyingKey:
        """Its other half."""
        key = self._private
        if isinstance(key, ec.EllipticCurvePrivateKey):
            numbers = key.public_key().public_numbers()
            x, y = (base64url(value.to_bytes(32, "big")) for value in (numbers.x, numbers.y))
            return public_key({"kty": "EC", "crv": "P-256", "x": x, "y": y})
        if isinstance(key, ed25519.Ed25519PrivateKey):
            raw = key.public_key().public_bytes_raw()
            return public_key({"kty": "OKP", "crv": "Ed25519", "x": base64url(raw)})
        known = key.public_key().public_numbers()
        n, e = (base64url(value.to_bytes((value.bit_length() + 7) // 8, "big")) for value in (known.n, known.e))
        return public_key({"kty": "RSA", "n": n, "e": e})

    def seal(self, secrets: Secrets, row_id: str) -> str:
        """The private part, for one row and no other."""
        der = self._private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(secrets.key(PURPOSE)).encrypt(nonce, der, _bound(row_id, self.algorithm))
        return (nonce + sealed).hex()


def generate(algorithm: str) -> SigningKey:
    """A new key for ES256, EdDSA or PS256."""
    if algorithm == ES256:
        return SigningKey(algorithm, ec.generate_private_key(ec.SECP256R1()))
    if algorithm == EDDSA:
        return SigningKey(algorithm, ed25519.Ed25519PrivateKey.generate())
    if algorithm == PS256:
        return SigningKey(algorithm, rsa.generate_private_key(65537, RSA_BITS))
    raise ValueError(f"{algorithm} signs nothing here")


def unseal(secrets: Secrets, row_id: str, algorithm: str, sealed: str) -> SigningKey:
    """The private part of a row.

    :raises Unsealable: another secret sealed it, or for another row.
    """
    data = bytes.fromhex(sealed)
    try:
        der = AESGCM(secrets.key(PURPOSE)).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], _bound(row_id, algorithm))
    except InvalidTag:
        raise Unsealable(row_id) from None
    key = load_der_private_key(der, None)
    if not isinstance(key, (ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey, rsa.RSAPrivateKey)):
        raise Unsealable(row_id)
    return SigningKey(algorithm, key)


def _bound(row_id: str, algorithm: str) -> bytes:
    return f"{PURPOSE}\0{row_id}\0{algorithm}".encode()
