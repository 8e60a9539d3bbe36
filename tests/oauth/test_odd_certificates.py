"""A certificate that nobody can read, as a whole or in part, proves nothing and breaks nothing."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from flask_apiguard.errors import Invalid
from flask_apiguard.oauth.certificate_names import KnownBy, is_known_by
from flask_apiguard.oauth.certificates import read_der, read_pem
from flask_apiguard.oauth.client_certificates import by_certificate
from flask_apiguard.oauth.token_formats import set_certificate_bound
from flask_apiguard.values import SYSTEM
from tests.oauth.authority import made
from tests.oauth.world import make_app, running

PLAIN = made("CN=odd")
#: Of a version that no standard knows; of a kind of key that nobody knows.
NEWER = PLAIN.der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020107"), 1)
STRANGE = PLAIN.der.replace(bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d027f"), 1)


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_certificate_of_an_unknown_version_is_none() -> None:
    pem = f"-----BEGIN CERTIFICATE-----\n{in_base64(NEWER)}\n-----END CERTIFICATE-----\n"
    assert read_der(NEWER) is None
    assert read_pem(pem) is None


@pytest.mark.parametrize("data", [NEWER, STRANGE], ids=["version", "kind of key"])
def test_what_can_not_be_read_is_not_registered(data: bytes) -> None:
    assert data != PLAIN.der
    with pytest.raises(Invalid):
        by_certificate(in_base64(data))


@pytest.mark.parametrize("known_by", [one for one in KnownBy if one is not KnownBy.THUMBPRINT])
def test_a_kind_of_name_that_nobody_knows_is_a_name_of_nobody(known_by: KnownBy) -> None:
    names = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, bytes.fromhex("3002a300"))
    issued = PLAIN.certificate
    builder = x509.CertificateBuilder(
        issued.issuer, issued.subject, issued.public_key(), issued.serial_number, issued.not_valid_before_utc,
        issued.not_valid_after_utc,
    ).add_extension(names, critical=False)  # fmt: skip
    found = builder.sign(PLAIN.key, issued.signature_hash_algorithm)  # type: ignore[arg-type]
    with pytest.raises(x509.UnsupportedGeneralNameType):
        list(x509.load_der_x509_certificate(found.public_bytes(Encoding.DER)).extensions)
    assert not is_known_by(found, known_by, "CN=nobody" if known_by is KnownBy.SUBJECT_DN else "x.example")


def test_whoever_shows_one_is_refused_like_without_any(tmp_path: Path) -> None:
    odd = {"Client-Cert": f":{in_base64(NEWER)}:"}
    with running(
        lambda base: make_app(base, f"sqlite:///{tmp_path}/a.db", APIGUARD_TRUSTED_PROXIES=["127.0.0.1"])
    ) as world:
        holder = world.holder()
        ask = {"grant_type": "client_credentials"}
        refusal = world.post("token", {**ask, "client_id": holder.id}, headers=odd)
        assert (refusal.status_code, refusal.json()["error"]) == (401, "invalid_client")
        with world.house.store.write() as tx:
            set_certificate_bound(tx, SYSTEM, holder.id, True)
        refusal = world.post("token", ask, holder, odd)
        assert (refusal.status_code, refusal.json()["error"]) == (400, "invalid_request")
