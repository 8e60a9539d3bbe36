"""Certificates that a client proves itself with by TLS (RFC 8705): registered, listed, replaced, revoked."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from marshmallow import fields

from ..clients import Application
from ..errors import Invalid
from ..people import Act
from ..values import Flaw, State
from .call import Answer, Call, Next
from .credentials import OVERLAP_AT_MOST
from .fields import In, Lifetime, Line, Moment, Prose, ReasonIn, Resource, Whole
from .lookups import client_of, owner_of
from .oauth import demand_server
from .table import Table

if TYPE_CHECKING:
    from ..oauth.client_certificates import ClientCertificate, Wanted

table = Table("certificates")
NAMES = ("subject_dn", "san_dns", "san_uri", "san_ip", "san_email")


def _name(what: str) -> Line:
    return Line(1, 500, metadata={"description": f"{what}, in certificates of an authority that your proxy trusts."})


class CertificateIn(In):
    """One name that the client's certificates will have, or one certificate that it signed itself."""

    subject_dn = _name("The whole subject, as RFC 4514 writes it")
    san_dns = _name("A DNS name among the alternative names")
    san_uri = _name("A URI among the alternative names")
    san_ip = _name("An IP address among the alternative names")
    san_email = _name("An address among the alternative names")
    certificate = Prose(1, 5000, metadata={"description": "In PEM, or in base 64 as in the x5c of a JWK."})
    lifetime = Lifetime(metadata={"description": "Seconds; a year by default."})
    reason = Prose(0, 2000, load_default="")


class SuccessorIn(CertificateIn):
    """What takes the place of a certificate."""

    overlap = Whole(0, OVERLAP_AT_MOST, load_default=86400, metadata={"description": "Seconds that both prove it."})


class CertificateOut(Resource):
    id = fields.String()
    client_id = fields.String()
    method = fields.String(metadata={"description": "tls_client_auth or self_signed_tls_client_auth."})
    known_by = fields.String()
    value = fields.String(metadata={"description": "The name, or the SHA-256 thumbprint in URL-safe base 64."})
    phase = fields.String()
    created_at = Moment()
    expires_at = Moment()
    replaces_id = fields.String(allow_none=True)
    revoked_at = Moment(allow_none=True)


def _told(call: Call, found: ClientCertificate) -> dict[str, Any]:
    told = {name: getattr(found, name) for name in found.__slots__}
    now = call.house.clock.now()
    return told | {"known_by": found.known_by.value, "method": found.method, "phase": found.phase(now).value}


def _next(call: Call, found: ClientCertificate, owner: Application) -> list[Next]:
    whose, live = owner.organization_id, _told(call, found)["phase"] == "live"
    follow = []
    if live and owner.state is not State.RETIRED and call.may(Act.CREDENTIALS_CREDENTIAL_ROTATE, whose):
        why = f"Register a successor before {found.expires_at:%Y-%m-%d}."
        follow.append(call.next("rotate", "POST", "/certificates/<id>/rotation", why, id=found.id))
    if found.revoked_at is None and call.may(Act.CREDENTIALS_CREDENTIAL_REVOKE, whose):
        why = "It proves nothing any more, and the tokens that came of it open nothing."
        follow.append(call.next("revoke", "POST", "/certificates/<id>/revocation", why, id=found.id))
    if not follow:
        path = "/clients/<id>/certificates"
        follow.append(call.next("certificates", "GET", path, "See the others.", id=found.client_id))
    return follow


def _wanted(call: Call) -> Wanted:
    from ..oauth.certificate_names import KnownBy  # and with it what reads certificates
    from ..oauth.client_certificates import by_certificate, by_name

    given = [name for name in (*NAMES, "certificate") if name in call.body]
    if len(given) != 1:
        raise Invalid([Flaw("", f"must have exactly one of {', '.join(NAMES)} and certificate")])
    text = call.body[given[0]]
    return by_certificate(text) if given[0] == "certificate" else by_name(KnownBy(given[0]), text)


def _lifetime(call: Call) -> dt.timedelta:
    from ..oauth.client_certificates import LIFETIME

    return dt.timedelta(seconds=call.body["lifetime"]) if "lifetime" in call.body else LIFETIME


def _certificate_of(call: Call, source: Any, act: Act) -> tuple[ClientCertificate, Application]:
    from ..oauth.client_certificates import certificate_of

    found = certificate_of(source, call.path["certificate_id"])
    return found, owner_of(call, source, found.client_id, act)


@table.get("/clients/<client_id>/certificates", "Certificates of a client", out=CertificateOut, many=True,
           act=Act.CREDENTIALS_CREDENTIAL_READ)  # fmt: skip
def list_(call: Call) -> Answer:
    from ..oauth.client_certificates import certificates_of

    with call.read() as conn:
        client, owner = client_of(call, conn, Act.CREDENTIALS_CREDENTIAL_READ)
        demand_server(call)
        found = certificates_of(conn, client.id)
    follow = []
    if owner.state is not State.RETIRED and call.may(Act.CREDENTIALS_CREDENTIAL_CREATE, owner.organization_id):
        path, why = "/clients/<id>/certificates", "Register a certificate, and prove the client by TLS."
        follow.append(call.next("add-certificate", "POST", path, why, id=client.id))
    return Answer([_told(call, one) for one in found], follow)


@table.post("/clients/<client_id>/certificates", "Register a certificate", body=CertificateIn, out=CertificateOut,
            status=201, act=Act.CREDENTIALS_CREDENTIAL_CREATE)  # fmt: skip
def add(call: Call) -> Answer:
    from ..oauth.client_certificates import add_certificate

    with call.write() as tx:
        client, owner = client_of(call, tx, Act.CREDENTIALS_CREDENTIAL_CREATE)
        demand_server(call)
        made = add_certificate(
            tx, call.by, client.id, _wanted(call), lifetime=_lifetime(call), reason=call.body["reason"]
        )  # fmt: skip
    href = call.href("/certificates/<id>", id=made.id)
    return Answer(_told(call, made), _next(call, made, owner), headers={"Location": href})


@table.get("/certificates/<certificate_id>", "A certificate", out=CertificateOut, act=Act.CREDENTIALS_CREDENTIAL_READ)
def read(call: Call) -> Answer:
    with call.read() as conn:
        found, owner = _certificate_of(call, conn, Act.CREDENTIALS_CREDENTIAL_READ)
    return Answer(_told(call, found), _next(call, found, owner))


@table.post("/certificates/<certificate_id>/rotation", "Give a certificate a successor", body=SuccessorIn,
            out=CertificateOut, status=201, act=Act.CREDENTIALS_CREDENTIAL_ROTATE)  # fmt: skip
def rotate(call: Call) -> Answer:
    from ..oauth.client_certificates import rotate_certificate

    with call.write() as tx:
        found, owner = _certificate_of(call, tx, Act.CREDENTIALS_CREDENTIAL_ROTATE)
        made = rotate_certificate(
            tx, call.by, found.id, _wanted(call), dt.timedelta(seconds=call.body["overlap"]),
            lifetime=_lifetime(call), reason=call.body["reason"],
        )  # fmt: skip
    href = call.href("/certificates/<id>", id=made.id)
    return Answer(_told(call, made), _next(call, made, owner), headers={"Location": href})


@table.post("/certificates/<certificate_id>/revocation", "Revoke a certificate at once", body=ReasonIn,
            out=CertificateOut, act=Act.CREDENTIALS_CREDENTIAL_REVOKE)  # fmt: skip
def revoke(call: Call) -> Answer:
    from ..oauth.client_certificates import revoke_certificate

    with call.write() as tx:
        found, owner = _certificate_of(call, tx, Act.CREDENTIALS_CREDENTIAL_REVOKE)
        found = revoke_certificate(tx, call.by, found.id, call.body["reason"])
    return Answer(_told(call, found), _next(call, found, owner))
