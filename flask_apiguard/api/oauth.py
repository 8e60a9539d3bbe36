"""How clients speak to the authorization server, and which users let them act."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from marshmallow import fields

from ..clients import Application, Client
from ..errors import Conflict, Missing
from ..oauth import (
    CHOOSABLE,
    Consent,
    chosen_of,
    consents_page,
    set_device,
    set_grant_types,
    set_public,
    withdraw,
    withdraw_all,
)
from ..people import Act, demand
from .call import Answer, Call, Next
from .fields import Choice, Done, Flag, Id, In, Line, Moment, PageIn, Prose, Resource, Several
from .lookups import client_of
from .paging import no_cursor
from .table import Table

table = Table("oauth")
#: What the column holds, and a cursor made of that many characters of four bytes each.
USER_AT_MOST, CURSOR_AT_MOST = 200, 1200


class PublicIn(In):
    public = Flag(required=True, metadata={"description": "True for an app on people's devices, without a secret."})
    reason = Prose(1, 2000, required=True)


class FormatIn(In):
    token_format = Choice(
        "jwt", "opaque", required=True, allow_none=True, metadata={"description": "null leaves it to the setting."}
    )
    reason = Prose(1, 2000, required=True)


class GrantTypesIn(In):
    grant_types = Several(
        Choice(*CHOOSABLE), len(CHOOSABLE), required=True, allow_none=True,
        metadata={"description": "null is any of them; that of devices is chosen apart."},
    )  # fmt: skip
    reason = Prose(1, 2000, required=True)


class BoundIn(In):
    certificate_bound = Flag(required=True, metadata={"description": "RFC 8705, section 3."})
    reason = Prose(1, 2000, required=True)


class DeviceIn(In):
    device = Flag(required=True, metadata={"description": "RFC 8628: for what has no browser, such as a television."})
    reason = Prose(1, 2000, required=True)


class ChosenOut(Resource):
    """How a client speaks OAuth."""

    client_id = fields.String()
    public = fields.Boolean()
    token_format = fields.String(allow_none=True)
    certificate_bound = fields.Boolean()
    device = fields.Boolean()
    grant_types = fields.List(fields.String(), allow_none=True)
    redirect_uris = fields.List(fields.String())


class ConsentsIn(PageIn):
    cursor = Line(1, CURSOR_AT_MOST)
    client_id = Id()
    user_id = Line(1, USER_AT_MOST)


class WithdrawIn(In):
    user_id = Line(1, USER_AT_MOST, required=True)
    reason = Prose(1, 2000, required=True)


class LeftOut(Resource):
    """What ended with a user."""

    clients = fields.List(fields.String(), metadata={"description": "Those that were disconnected."})
    waiting = fields.Integer(metadata={"description": "Codes and questions that will not be answered any more."})


class ConsentOut(Resource):
    user_id = fields.String()
    client_id = fields.String()
    scopes = fields.Function(lambda one: sorted(one.scopes))
    given_at = Moment()


def demand_server(call: Call) -> None:
    """Go on only where this app is an authorization server.

    :raises Conflict: it is none.
    """
    if call.house.places is None:
        raise Conflict("There is no authorization server here.", "Set APIGUARD_ISSUER.")


def _chosen(call: Call, source: Any, found: Client, owner: Application) -> Answer:
    chosen = chosen_of(source, found.id)
    value = {name: getattr(chosen, name) for name in chosen.__slots__}
    return Answer(
        value | {"client_id": found.id, "redirect_uris": owner.redirect_uris}, _next(call, found, owner)
    )  # fmt: skip


def _choose(call: Call, choose: Callable[..., object], field: str) -> Answer:
    """Do what one field of the body says of the client in the path, and tell how it speaks OAuth now."""
    with call.write() as tx:
        found, owner = client_of(call, tx, Act.OAUTH_CLIENT_CHANGE)
        demand_server(call)
        choose(tx, call.by, found.id, call.body[field], call.body["reason"])
        return _chosen(call, tx, found, owner)


def _next(call: Call, found: Client, owner: Application) -> list[Next]:
    whose = owner.organization_id
    follow = []
    if call.may(Act.OAUTH_CLIENT_CHANGE, whose):
        for action, path, why in (
            ("set-public", "/clients/<id>/public", "Say whether it can keep a secret."),
            ("set-token-format", "/clients/<id>/token-format", "Have its tokens opaque, or signed for others to read."),
            ("set-certificate-bound", "/clients/<id>/certificate-bound", "Bind its tokens to its TLS certificate."),
            ("set-device", "/clients/<id>/device", "Say whether it may use the device authorization grant."),
            ("set-grant-types", "/clients/<id>/grant-types", "Say which of the other grant types it may use."),
        ):
            follow.append(call.next(action, "PUT", path, why, id=found.id))
    follow.append(call.next("public-keys", "GET", "/clients/<id>/public-keys", "See the keys it signs with.",
                            id=found.id))  # fmt: skip
    path, why = "/clients/<id>/certificates", "See the certificates it shows by TLS."
    follow.append(call.next("certificates", "GET", path, why, id=found.id))
    if call.may(Act.OAUTH_CONSENT_READ, whose):
        why = "See which users let it act for them."
        follow.append(call.next("consents", "GET", "/consents?client_id=<id>", why, id=found.id))
    return follow


@table.get("/clients/<client_id>/oauth", "How a client speaks OAuth", out=ChosenOut, act=Act.CLIENTS_APPLICATION_READ)
def read(call: Call) -> Answer:
    with call.read() as conn:
        found, owner = client_of(call, conn, Act.CLIENTS_APPLICATION_READ)
        demand_server(call)
        return _chosen(call, conn, found, owner)


@table.put("/clients/<client_id>/public", "Say whether a client is public or confidential", body=PublicIn,
           out=ChosenOut, act=Act.OAUTH_CLIENT_CHANGE)  # fmt: skip
def public(call: Call) -> Answer:
    return _choose(call, set_public, "public")


@table.put("/clients/<client_id>/token-format", "Choose the form of a client's tokens", body=FormatIn,
           out=ChosenOut, act=Act.OAUTH_CLIENT_CHANGE)  # fmt: skip
def token_format(call: Call) -> Answer:
    from ..oauth.token_formats import set_token_format  # and with it what signs, which nobody else here needs

    return _choose(call, set_token_format, "token_format")


@table.put("/clients/<client_id>/certificate-bound", "Bind a client's tokens to its TLS certificate, or not",
           body=BoundIn, out=ChosenOut, act=Act.OAUTH_CLIENT_CHANGE)  # fmt: skip
def certificate_bound(call: Call) -> Answer:
    from ..oauth.token_formats import set_certificate_bound

    return _choose(call, set_certificate_bound, "certificate_bound")


@table.put("/clients/<client_id>/device", "Say whether a client may use the device authorization grant",
           body=DeviceIn, out=ChosenOut, act=Act.OAUTH_CLIENT_CHANGE)  # fmt: skip
def device(call: Call) -> Answer:
    return _choose(call, set_device, "device")


@table.put("/clients/<client_id>/grant-types", "Say which grant types a client may use", body=GrantTypesIn,
           out=ChosenOut, act=Act.OAUTH_CLIENT_CHANGE)  # fmt: skip
def grant_types(call: Call) -> Answer:
    return _choose(call, set_grant_types, "grant_types")


@table.get("/consents", "What users allowed, in the order of clients", query=ConsentsIn, out=ConsentOut, many=True,
           act=Act.OAUTH_CONSENT_READ)  # fmt: skip
def list_(call: Call) -> Answer:
    query, mine = call.query, call.organizations(Act.OAUTH_CONSENT_READ)
    with call.read() as conn:
        follow = []
        if "client_id" in query:
            call.path = {**call.path, "client_id": query["client_id"]}
            found, owner = client_of(call, conn, Act.OAUTH_CONSENT_READ)
            if call.may(Act.OAUTH_CONSENT_WITHDRAW, owner.organization_id):
                path, why = "/clients/<id>/consents/withdrawal", "Disconnect it from a user, at once."
                follow.append(call.next("withdraw", "POST", path, why, id=found.id))
        demand_server(call)
        page = consents_page(
            conn, organization_ids=mine, client_id=query.get("client_id"), user_id=query.get("user_id"),
            after=_read(query.get("cursor")), limit=query["limit"] + 1,
        )  # fmt: skip
    shown = page[: query["limit"]]
    return Answer(shown, follow, cursor=_cursor(shown[-1]) if len(page) > len(shown) else None)


def _cursor(last: Consent) -> str:
    return f"{last.client_id}.{base64.urlsafe_b64encode(last.user_id.encode()).decode()}"


def _read(cursor: str | None) -> tuple[str, str]:
    if cursor is None:
        return "", ""
    client_id, _, user = cursor.rpartition(".")
    try:
        user_id = base64.b64decode(user.encode("ascii"), b"-_", validate=True).decode()
    except (UnicodeError, binascii.Error):
        raise no_cursor() from None
    if not client_id or "\0" in user_id:
        raise no_cursor()
    return client_id, user_id


@table.post("/clients/<client_id>/consents/withdrawal", "Take a user's consent back, at once", body=WithdrawIn,
            out=Done, act=Act.OAUTH_CONSENT_WITHDRAW)  # fmt: skip
def withdraw_(call: Call) -> Answer:
    with call.write() as tx:
        found, _ = client_of(call, tx, Act.OAUTH_CONSENT_WITHDRAW)
        demand_server(call)
        if not withdraw(tx, call.by, call.body["user_id"], found.id, call.body["reason"]):
            raise Missing
    return Answer(
        {"done": True}, [call.next("consents", "GET", "/consents?client_id=<id>", "See what is left.", id=found.id)]
    )


@table.post("/consents/withdrawal", "Disconnect every client from a user who is gone, at once", body=WithdrawIn,
            out=LeftOut, act=Act.OAUTH_CONSENT_WITHDRAW)  # fmt: skip
def withdraw_all_(call: Call) -> Answer:
    demand(call.by, Act.OAUTH_CONSENT_WITHDRAW)
    demand_server(call)
    with call.write() as tx:
        left = withdraw_all(tx, call.by, call.body["user_id"], call.body["reason"])
    return Answer(left)
