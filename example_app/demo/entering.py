"""The first half of onboarding: a person, an organization, an application, its checks, a sandbox key."""

from __future__ import annotations

from .client import Client
from .post import code_in
from .stage import Stage, demand

ADMINISTRATOR = "mara@tidewater.example"
REVIEWERS = ("joel@tidewater.example", "runa@tidewater.example")
ASKED = {
    "orders:read": "Show a customer the orders that they pay.",
    "orders:write": "Place what a customer paid for.",
    "reports:read": "Offer credit to those who spend much.",
}


def house(stage: Stage, link: str | None) -> None:
    """Mara, the administrator, signs in; the reviewers whom the file names come."""
    stage.screen.scene("the house: people who decide")
    again = link is None
    if again:
        for address in (ADMINISTRATOR, *REVIEWERS):
            told = f"{name_of(address)} asks for a sign-in link"
            stage.stranger.post("/people/link", told, 202, json_={"email": address})
    letter = link or stage.mail(ADMINISTRATOR, "Your sign-in link")
    mara = stage.people["mara"] = _enter(stage, "/people/link/session", letter, "Mara signs in with her link, once")
    mara.call("PUT", "/me/password", "and sets a password", json_={"new": stage.password})
    members = mara.get("/house/members", "Who sits here already?")
    seated = {one["email"] for one in members["items"]}
    for address in REVIEWERS:
        name = name_of(address)
        path, subject = "/people/link/session", "Your sign-in link"
        if address not in seated:
            path, subject = "/people/invitation", "You are invited"
            if again:  # the story that invited them was interrupted
                json_ = {"email": address, "seat": "reviewer"}
                mara.post(members.next("invite"), f"Mara invites {name} once more", 201, json_=json_)
        letter = stage.mail(address, subject)
        stage.people[name.lower()] = _enter(stage, path, letter, f"{name} comes, and is a reviewer")


def name_of(address: str) -> str:
    """Joel of ``joel@tidewater.example``."""
    return address.partition("@")[0].title()


def _enter(stage: Stage, path: str, letter: str, told: str) -> Client:
    session = stage.stranger.post(path, told, json_={"code": code_in(letter)})
    return stage.stranger.having(session["secret"])


def person(stage: Stage) -> None:
    """Ada registers, and proves that the address is hers."""
    stage.screen.scene(f"a stranger: Ada of {stage.partner}")
    ada = {"email": stage.address("ada"), "name": "Ada Lund", "password": stage.password}
    stage.stranger.post("/api/v1/orders", "Without a credential nothing opens", 401, json_={})
    asked = stage.stranger.post("/people", "Ada registers; a stranger learns nothing else", 202, json_=ada)
    letter = stage.mail(ada["email"], "Confirm your address")
    client = stage.people["ada"] = _enter(stage, asked.next("prove"), letter, "The code of that mail signs her in")
    me = client.get("/me", "Who am I here, and what comes first?")
    told = f"She registers {stage.partner}, and owns it"
    made = client.post(me.next("create-organization"), told, 201, json_={"name": stage.partner})
    stage.ids["organization"] = made["id"]
    stage.ids["create-application"] = made.next("create-application")


def application(stage: Stage) -> None:
    """The application, a check that fails with its fix, and the repair."""
    stage.screen.scene("the application: Acme Pay")
    ada = stage.people["ada"]
    facts = {
        "name": "Acme Pay",
        "purpose": "Payments",
        "contact_email": stage.address("ada"),
        "redirect_uris": ["http://pay.acme.example/back"],
        "requested_scopes": ASKED,
        "requested_plan": "partner",
    }
    place = stage.ids["create-application"]
    unsafe = ada.post(place, "A redirect URI without TLS stays outside", 422, json_=facts)
    stage.note(f"{unsafe['errors'][0]['pointer']}: {unsafe['errors'][0]['detail']}")
    facts["redirect_uris"] = ["https://pay.acme.example/back"]
    made = ada.post(place, "With TLS it is registered", 201, json_=facts)
    stage.ids["application"] = made["id"]
    here = f"/applications/{made['id']}"
    checks = ada.post(made.next("run-checks"), "Automated checks run at once")
    bad = [one for one in checks["items"] if one["blocks"] and "enter_sandbox" in one["before"]]
    demand([one["name"] for one in bad] == ["purpose"], "Exactly the purpose should fail.", checks)
    good = sum(one["verdict"] == "passed" for one in checks["items"])
    stage.note(f"{good} passed; FAILED {bad[0]['name']}: {bad[0]['detail']} Fix: {bad[0]['fix']}")
    ada.post(f"{here}/sandbox", "The sandbox stays closed until then", 409)
    found = ada.get(here)
    purpose = "Pays the orders of our customers, and places those that they paid for."
    version = {"If-Match": found.headers["etag"]}
    ada.call("PATCH", checks.next("edit"), "She mends it", json_={"purpose": purpose}, headers=version)
    checks = ada.post(f"{here}/checks", "and the checks pass")
    entered = ada.post(checks.next("enter-sandbox"), "A sandbox key at once, for what is low-risk", 201)
    stage.keys["sandbox"] = entered["credential"]["secret"]
    stage.ids["sandbox"] = entered["client"]["id"]
    stage.ids["scopes-review"] = entered["review_id"] or ""
    demand(stage.ids["scopes-review"], "What is critical should wait for a review.", entered)
    stage.note(f"shown once: {entered['credential']['hint']}…; reports:read is critical and waits for a review by two")
