"""The second half of onboarding: graduation by observed calls, reviews by two, a production client and its key."""

from __future__ import annotations

from .client import Answer
from .stage import Stage, demand


def sandbox_scope(stage: Stage) -> None:
    """What is critical is given by two people, in the sandbox too; the next call sees it."""
    stage.screen.scene("a critical scope: two people look")
    _approve_by_two(stage, stage.ids["scopes-review"], "They explain what they need it for.")
    stage.caller("sandbox").get("/api/v1/reports/spending", "The very next call has the scope")


def graduation(stage: Stage) -> None:
    """Nobody claims anything: the steps tick themselves."""
    stage.screen.scene("graduation: ticked by observed calls")
    ada, here = stage.people["ada"], f"/applications/{stage.ids['application']}"
    steps = ada.get(f"{here}/graduation", "What was observed")
    for one in steps["items"]:
        stage.note(f"[{'x' if one['done'] else ' '}] {one['title']}")
    demand(all(one["done"] for one in steps["items"]), "Every step should be ticked by now.", steps)
    stage.note(next(one["why"] for one in steps["next"] if one["action"] == "run-checks"))


def production(stage: Stage) -> None:
    """Production: asked for by one, decided by two others, and neither by the one who asks."""
    stage.screen.scene("production: asked for, reviewed, given")
    ada, mara = stage.people["ada"], stage.people["mara"]
    here = f"/applications/{stage.ids['application']}"
    ask = {"kind": "production", "reason": "The pilot with two customers is over and went well."}
    early = ada.post(f"{here}/reviews", "Not before it is bound to a customer", 409, json_=ask)
    stage.note(early["detail"])
    bind = mara.get(here).next("set-reference")
    mara.call("PUT", bind, "Mara binds it to the region north", json_={"reference": "north"})
    review = ada.post(ada.get(here).next("request-production"), "Ada asks for production", 201, json_=ask)
    demand(review["needed"] == 2 and review["risk"] == "critical", "Two people should be needed.", review)
    routes = len(review["evidence"]["routes"])
    stage.note(
        f"what reviewers see: checks, graduation, scopes with their reasons, and {routes} routes that would open"
    )
    approve = {"decision": "approve", "reason": "I want it."}
    refused = ada.post(f"/reviews/{review['id']}/decisions", "Ada can't approve that herself", 403, json_=approve)
    stage.note(refused["detail"])
    _approve_by_two(stage, review["id"], "Graduated, and the contract is signed.")
    found = ada.get(here, "The application is in production")
    demand(found["state"] == "production", "It should be in production.", found)
    stage.ids["production"] = next(one["id"] for one in found["clients"] if one["environment"] == "production")
    made = ada.post(
        found.next("create-credential"), "Production has keys of its own", 201,
        json_={"name": "payments server", "reason": "First key for the server in Aarhus."},
    )  # fmt: skip
    stage.keys["first"], stage.ids["first"] = made["secret"], made["id"]
    stage.note(f"shown once: {made['hint']}…, until {made['expires_at'][:10]}")
    stage.caller("first").get("/api/v1/orders?limit=5", "The first production call")
    stage.caller("first").get("/api/v1/orders/2", "Region south is not theirs", 403)
    left = stage.caller("first").get(f"/clients/{stage.ids['production']}/usage", "What is left of the plan?")
    stage.note("; ".join(f"{one['name']}: {one['remaining']} of {one['amount']}" for one in left["limits"]))


def _approve_by_two(stage: Stage, review_id: str, reason: str) -> Answer:
    """Joel and Runa, each for themselves."""
    joel, runa = stage.people["joel"], stage.people["runa"]
    seen = joel.get(f"/reviews/{review_id}", "Joel reads the evidence")
    word = {"decision": "approve", "reason": reason, "version": seen["version"]}
    first = joel.post(seen.next("decide"), "and approves; it waits for a second one", json_=word)
    demand(first["state"] == "open", "One word should not be enough.", first)
    if first["environment"] == "production":
        both = joel.post(seen.next("decide"), "Joel can't be both", 409, json_={**word, "version": first["version"]})
        stage.note(both["detail"])
    word = {"decision": "approve", "reason": "Seen, and agreed."}
    second = runa.post(f"/reviews/{review_id}/decisions", "Runa approves: done", json_=word)
    demand(second["state"] == "approved", "Two words should be enough.", second)
    return second
