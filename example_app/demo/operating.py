"""Life in production: rotation, revocation, tokens, and somebody who behaves badly."""

from __future__ import annotations

import time
from base64 import b64encode
from urllib.parse import urlsplit

from .client import PATIENCE, Client, StoryBroken
from .stage import Stage, demand

ORDERS = "/api/v1/orders?limit=1"


def rotation(stage: Stage) -> None:
    """A key gets a successor; both open for a while, then the old one is revoked and denied on its next call."""
    stage.screen.scene("rotation and revocation")
    ada = stage.people["ada"]
    json_ = {"overlap": 3600, "reason": "Ninety days are over."}
    made = ada.post(f"/credentials/{stage.ids['first']}/rotation", "The key gets a successor", 201, json_=json_)
    stage.keys["second"], stage.ids["second"] = made["secret"], made["id"]
    stage.caller("second").get(ORDERS, "The new key opens")
    old = stage.caller("first").get(ORDERS, "so does the old one, for an hour")
    told = [f"{name.title()}: {old.headers[name]}" for name in ("deprecation", "sunset") if name in old.headers]
    demand(told, "A retiring key should be told that it retires.", old)
    stage.note("; ".join(told))
    json_ = {"reason": "Found in a log file."}
    ada.post(f"/credentials/{stage.ids['first']}/revocation", "The old key leaked: revoked", json_=json_)
    began = time.perf_counter()
    stage.caller("first").get(ORDERS, "Denied on its very next call", 401)
    stage.note(f"{(time.perf_counter() - began) * 1000:.1f} ms after the answer to the revocation")
    stage.caller("second").get(ORDERS, "The new key goes on")


def oauth(stage: Stage) -> None:
    """The same client with OAuth 2: a client secret buys short-lived tokens (RFC 6749, section 4.4)."""
    stage.screen.scene("OAuth 2: client credentials")
    ada, client_id = stage.people["ada"], stage.ids["production"]
    found = stage.stranger.get("/.well-known/oauth-authorization-server", "Anybody may read where tokens come from")
    json_ = {"kind": "client_secret", "name": "for OAuth", "reason": "The library at Acme speaks OAuth."}
    made = ada.post(f"/clients/{client_id}/credentials", "A client secret for the same client", 201, json_=json_)
    place = urlsplit(found["token_endpoint"]).path
    form = {"grant_type": "client_credentials", "scope": "orders:read"}
    stage.stranger.post(place, "A wrong secret buys nothing", 401, form=form, headers=basic(client_id, "wrong"))
    token = stage.stranger.post(place, "The right one a token", form=form, headers=basic(client_id, made["secret"]))
    stage.note(f"for {token['expires_in']} s, scope {token['scope']}")
    bearer = stage.stranger.having(token["access_token"])
    bearer.get(ORDERS, "The token opens what it was asked for")
    bearer.get("/api/v1/reports/spending", "and no more, whatever the client holds", 403)


def misbehaviour(stage: Stage) -> None:
    """Refusal after refusal: an anomaly, a mail, the client is suspended, explains itself, and returns."""
    stage.screen.scene("something is wrong with Acme Pay")
    key, mara = stage.caller("second"), stage.people["mara"]
    began = time.perf_counter()
    for number in range(2, 34):
        key.get(f"/api/v1/shipments?order={number}", expect=403)
    seconds = time.perf_counter() - began
    stage.screen.request("GET", "/api/v1/shipments  (32 times)", 403, seconds, "A program tries what it may not")
    anomaly = _raised(mara, stage)
    stage.note(anomaly["sentences"][0])
    stage.mail(stage.address("ada"), f"Acme Pay of {stage.partner} (production)")
    mara.post(
        f"/clients/{stage.ids['production']}/suspension", "Mara suspends the client",
        json_={"reason": "Until somebody at Acme explains the refusals."},
    )  # fmt: skip
    refused = key.get(ORDERS, "Nothing opens any more", 401)
    stage.note(refused["detail"])
    ada, here = stage.people["ada"], f"/applications/{stage.ids['application']}"
    json_ = {"kind": "resume", "reason": "A new release asked for shipments by mistake; it is taken back."}
    asked = ada.post(ada.get(here).next("request-resume"), "Ada explains, and asks for its return", 201, json_=json_)
    json_ = {"decision": "approve", "reason": "Plausible, and nothing was disclosed."}
    stage.people["runa"].post(f"/reviews/{asked['id']}/decisions", "Runa lets it return", json_=json_)
    key.get(ORDERS, "and it goes on")


def _raised(mara: Client, stage: Stage) -> dict[str, list[str]]:
    path = f"/anomalies?client_id={stage.ids['production']}"
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = mara.get(path)
        if found["items"]:
            mara.get(path, "A refusal burst is noticed")
            return dict(found["items"][0])
        time.sleep(0.1)
    raise StoryBroken("The burst of refusals raised no anomaly within 10 s.")


def basic(client_id: str, secret: str) -> dict[str, str]:
    """HTTP Basic, as RFC 6749 section 2.3.1 wants it."""
    return {"Authorization": "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()}
