"""Public keys as JSON (RFC 7517, 7518 section 6, 8037): which are taken, what names them, what they verify.

Taken are P-256, Ed25519 and RSA from 2048 bits. The kind of a key alone decides which algorithms it is good for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..crypto import base64url

ES256, EDDSA, ED25519, PS256 = "ES256", "EdDSA", "Ed25519", "PS256"
#: What may sign. Ed25519 is the newer name of EdDSA with that curve (RFC 9864).
ALGORITHMS = frozenset({ES256, EDDSA, ED25519, PS256})
RSA_BITS_AT_LEAST, RSA_BITS_AT_MOST = 2048, 4096
_PRIVATE = frozenset({"d", "dp", "dq", "k", "oth", "p", "q", "qi"})
PSS = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=SHA256.digest_size)

Usable = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey


class BadKey(ValueError):
    """A key that is not taken; the sentence says why."""


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """One public key. ``jwk`` has the members that make the key and no others."""

    jwk: Mapping[str, str]
    algorithms: frozenset[str]
    _usable: Usable = field(repr=False)

    @property
    def algorithm(self) -> str:
        """The one by which it is known; of two names of the same, the older."""
        return max(self.algorithms)  # of EdDSA and Ed25519 the former

    @property
    def thumbprint(self) -> str:
        """The name that follows from the key itself (RFC 7638), URL-safe base 64 of SHA-256."""
        return base64url(hashlib.sha256(json.dumps(self.jwk, sort_keys=True, separators=(",", ":")).encode()).digest())

    @property
    def der(self) -> bytes:
        """The key as certificates hold it: its SubjectPublicKeyInfo (RFC 5280, section 4.1)."""
        return self._usable.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def verifies(self, algorithm: str, data: bytes, signature: bytes) -> bool:
        """Whether a signature is this key's, by an algorithm of this key."""
        if algorithm not in self.algorithms:
            return False
        key = self._usable
        try:
            if isinstance(key, ec.EllipticCurvePublicKey):
                if len(signature) != 64:  # RFC 7518, section 3.4
                    return False
                halves = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
                key.verify(encode_dss_signature(*halves), data, ec.ECDSA(SHA256()))
            elif isinstance(key, ed25519.Ed25519PublicKey):
                key.verify(signature, data)
            else:
                key.verify(signature, data, PSS, SHA256())
        except InvalidSignature:
            return False
        return True


def public_key(jwk: Any) -> VerifyingKey:
    """The key in a JWK.

    :raises BadKey: a private or symmetric key, a kind or size that is not taken, or no key at all.
    """
    if not isinstance(jwk, Mapping) or len(jwk) > 20:
        raise BadKey("It is no JWK.")
    if jwk.get("kty") == "oct" or not _PRIVATE.isdisjoint(jwk):
        raise BadKey(
            "It is not a public key: whoever saw it may sign with it. Make a new one and keep its private part."
        )
    use, operations = jwk.get("use", "sig"), jwk.get("key_ops", ["verify"])
    if use != "sig" or operations != ["verify"]:
        raise BadKey("It is not for verifying signatures.")
    kind = (jwk.get("kty"), jwk.get("crv"))
    if kind == ("EC", "P-256"):
        found = _p256(jwk)
    elif kind == ("OKP", "Ed25519"):
        found = _ed25519(jwk)
    elif kind == ("RSA", None):
        found = _rsa(jwk)
    else:
        raise BadKey("Keys of this kind are not taken; P-256, Ed25519 and RSA are.")
    if "alg" in jwk and jwk["alg"] not in sorted(found.algorithms):
        raise BadKey("Its alg is not one that this kind of key is used with here.")
    return found


def _p256(jwk: Mapping[str, Any]) -> VerifyingKey:
    x, y = _bytes(jwk, "x", 32), _bytes(jwk, "y", 32)
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
    try:
        usable = numbers.public_key()
    except ValueError:
        raise BadKey("It is no point of its curve.") from None
    said = {"crv": "P-256", "kty": "EC", "x": base64url(x), "y": base64url(y)}
    return VerifyingKey(said, frozenset({ES256}), usable)


def _ed25519(jwk: Mapping[str, Any]) -> VerifyingKey:
    x = _bytes(jwk, "x", 32)
    y = int.from_bytes(x, "little") & ((1 << 255) - 1)
    if y in _SMALL_ORDER:
        raise BadKey("It is a point of small order: anybody can sign for it.")
    try:
        usable = ed25519.Ed25519PublicKey.from_public_bytes(x)
    except ValueError:
        raise BadKey("It is no point of its curve.") from None
    return VerifyingKey({"crv": "Ed25519", "kty": "OKP", "x": base64url(x)}, frozenset({EDDSA, ED25519}), usable)


#: Of points whose order divides 8: their y, in both ways of writing where there are two.
_P = (1 << 255) - 19
_EIGHT = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER = frozenset({0, 1, _P - 1, _P, _P + 1, _EIGHT, _P - _EIGHT})


def _rsa(jwk: Mapping[str, Any]) -> VerifyingKey:
    n, e = _number(jwk, "n"), _number(jwk, "e")
    if not RSA_BITS_AT_LEAST <= n.bit_length() <= RSA_BITS_AT_MOST:
        raise BadKey(f"RSA keys have {RSA_BITS_AT_LEAST} to {RSA_BITS_AT_MOST} bits.")
    if n % 2 == 0 or e % 2 == 0 or not 65537 <= e < 1 << 32:
        raise BadKey("Its exponent must be 65537, or a larger odd number below 2^32, and its modulus odd.")
    try:
        usable = rsa.RSAPublicNumbers(e, n).public_key()
    except ValueError:
        raise BadKey("It is no RSA key.") from None
    said = {"e": base64url(_minimal(e)), "kty": "RSA", "n": base64url(_minimal(n))}
    return VerifyingKey(said, frozenset({PS256}), usable)


def _bytes(jwk: Mapping[str, Any], name: str, length: int) -> bytes:
    data = _decoded(jwk, name)
    if len(data) != length:
        raise BadKey(f"Its {name} must have {length} bytes.")
    return data


def _number(jwk: Mapping[str, Any], name: str) -> int:
    return int.from_bytes(_decoded(jwk, name), "big")


def _decoded(jwk: Mapping[str, Any], name: str) -> bytes:
    text = jwk.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= 1024 or not text.isascii():
        raise BadKey(f"Its {name} is missing or no text.")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadKey(f"Its {name} is no URL-safe base 64.") from None


def _minimal(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
