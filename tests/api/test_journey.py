"""The way of a client developer, over HTTP alone, along the ``next`` links: from registration to production."""

from __future__ import annotations

from .conftest import Town


def test_a_developer_goes_from_registration_to_production_along_the_next_links(town: Town) -> None:
    me = _signed_in(town, "dora@dora.example")
    method, href = town.go("GET", "/me", who=me).follow("create-organization")
    organization = town.go(method, href, {"name": "Dora Ltd"}, me)
    assert organization.status == 201
    assert organization.headers["Location"].endswith(organization.json["id"])

    method, href = organization.follow("create-application")
    draft = town.go(method, href, {
        "name": "Ship", "contact_email": "ops@dora.example", "purpose": "too short",
        "requested_scopes": {"orders:read": "To see which orders wait.", "orders:write": "To mark what was shipped."},
    }, me)  # fmt: skip
    assert draft.status == 201
    assert draft.json["state"] == "draft"

    checked = town.go(*draft.follow("run-checks"), {}, me)
    verdicts = {one["name"]: one["verdict"] for one in checked.json["items"]}
    assert verdicts["purpose"] == "failed"
    assert verdicts["contact-proved"] == "waiting"
    assert all(one["fix"] for one in checked.json["items"] if one["verdict"] == "failed")

    refused = town.go("POST", f"/applications/{draft.json['id']}/sandbox", {}, me)
    assert refused.status == 409
    assert "purpose" in refused.json["detail"]

    method, href = town.go("GET", f"/applications/{draft.json['id']}", who=me).follow("edit")
    etag = town.go("GET", href, who=me).headers["ETag"]
    edited = town.go(method, href, {"purpose": "Marks the orders that our lorries have taken."}, me, If_Match=etag)
    assert edited.status == 200, edited.body
    sent = town.go(*edited.follow("send-contact-proof"), {}, me)
    proved = town.go(*sent.follow("prove-contact"), {"code": town.mailed("ops@dora.example")}, me)
    assert proved.json["contact_proved_at"] is not None

    assert "run-checks" not in {one["action"] for one in proved.json["next"]}, "nothing is in the way any more"
    entered = town.go(*proved.follow("enter-sandbox"), {}, me)
    assert entered.status == 201, entered.body
    key = entered.json["credential"]["secret"]
    assert key.startswith("acme_sandbox_")
    # The low-risk scope came at once, the sensitive one waits for somebody.
    assert town.call_api(key).status == 200
    assert town.call_api(key, "POST", body={"sku": "a"}).status == 403

    _decide(town, entered.json["review_id"], "rita")
    assert town.call_api(key, "POST", body={"sku": 7}).status == 422
    assert town.call_api(key, "POST", body={"sku": "a"}).status == 201

    here = f"/applications/{draft.json['id']}"
    steps = town.go("GET", here + "/graduation", who=me)
    assert all(step["done"] for step in steps.json["items"] if not step["optional"])
    asked = town.go(*steps.follow("request-production"), {"kind": "production", "reason": "We go live on Monday."}, me)
    assert asked.status == 201, asked.body
    assert asked.json["state"] == "open"
    assert set(asked.json["scopes"]) == {"orders:read", "orders:write"}

    question = town.go("POST", f"/reviews/{asked.json['id']}/questions", {"question": "How many a day?"}, "rita")
    assert question.status == 200
    waiting = town.go("GET", f"/reviews/{asked.json['id']}", who=me)
    assert town.go(*waiting.follow("answer"), {"text": "About two hundred."}, me).status == 200
    _decide(town, asked.json["id"], "rita")

    live = town.go("GET", here, who=me)
    assert live.json["state"] == "production"
    made = town.go(*live.follow("create-credential"), {"name": "lorry"}, me)
    assert made.status == 201, made.body
    live_key = made.json["secret"]
    assert live_key.startswith("acme_production_")
    assert town.call_api(live_key).status == 200
    assert live_key not in town.go("GET", f"/credentials/{made.json['id']}", who=me).body.decode()

    successor = town.go(*made.follow("rotate"), {"overlap": 60}, me)
    assert successor.status == 201
    assert town.call_api(live_key).headers.get("Deprecation") or town.call_api(live_key).status == 200
    revoked = town.go(*successor.follow("revoke"), {"reason": "It was seen in a log."}, me)
    assert revoked.json["phase"] == "revoked"
    denied = town.call_api(successor.json["secret"])
    assert denied.status == 401
    why = town.go("GET", f"/explain/{denied.headers['X-Request-Id']}", who="rita")
    assert [step["step"] for step in why.json["steps"] if step["outcome"] == "refused"] == ["standing"]


def _signed_in(town: Town, address: str) -> str:
    asked = town.go("POST", "/people", {"email": address, "name": "Dora", "password": "a horse walks into a bar"})
    assert asked.status == 202
    proved = town.go(*asked.follow("prove"), {"code": town.mailed(address)})
    assert proved.status == 200
    again = town.go("POST", "/people/session", {"email": address, "password": "a horse walks into a bar"})
    assert again.status == 200
    token: str = again.json["secret"]
    return token


def _decide(town: Town, review_id: str, who: str) -> None:
    queue = town.go("GET", "/reviews?state=open", who=who)
    assert review_id in [one["id"] for one in queue.json["items"]]
    screen = town.go("GET", f"/reviews/{review_id}", who=who)
    assert screen.json["evidence"]["scopes"]["asked"]
    decided = town.go(*screen.follow("decide"), {"decision": "approve", "reason": "They told us why."}, who)
    assert decided.json["state"] == "approved", decided.body
