"""What a developer meets in the sandbox: the real gate, and refusals that say what to do."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from .client import Answer
from .stage import Stage, demand

ORDER = {"customer_id": 5, "item": "winch handle", "quantity": 2}


def calls(stage: Stage) -> None:
    """A good call, a bad document, a broken one, a missing scope, and why."""
    stage.screen.scene("sandbox calls: the real gate, sample data")
    key = stage.caller("sandbox")
    found = key.get("/api/v1/orders?state=open&limit=5", "A good call")
    demand(all(one["region"] == "sandbox" for one in found["orders"]), "The sandbox shows samples only.", found)
    wrong = key.post("/api/v1/orders", "A document that doesn't fit", 422, json_={**ORDER, "quantity": "two"})
    demand(wrong["errors"][0]["pointer"] == "/quantity", "The flaw should be pointed at.", wrong)
    stage.note(first(wrong))
    twice = key.post("/api/v1/orders", "A key that stands there twice", 400, body=b'{"quantity": 1, "quantity": 900}')
    demand(twice["errors"][0]["pointer"] == "/quantity", "The repeated key should be pointed at.", twice)
    stage.note(first(twice))
    torn = key.post("/api/v1/orders", "Half a document", 400, body=b'{"customer_id": 5, "item": ')
    stage.note(first(torn))
    key.post("/api/v1/orders", "Repaired: the order is taken", 201, json_=ORDER)
    scope = key.get("/api/v1/reports/spending", "A scope that it does not hold", 403)
    demand('scope="reports:read"' in scope.headers["www-authenticate"], "The missing scope should be named.", scope)
    stage.note(f"WWW-Authenticate: {scope.headers['www-authenticate']}")
    why = key.get(f"/explain/{scope.request_id}", "Why was that?")
    for line in steps(why):
        stage.note(line)
    key.get("/api/v1/orders/1", "An order of another region: a policy refuses", 403)


def first(answer: Answer) -> str:
    """What is wrong, in one line."""
    flaw = answer["errors"][0]
    return f"{flaw['pointer']}: {flaw['detail']}" if flaw["pointer"] else str(flaw["detail"])


def steps(why: Answer) -> list[str]:
    """The steps of an explanation up to the refusal, as lines."""
    told = [
        f"{one['step']:<9} {one['outcome']:<7} seen: {one['seen'] or '-'}"
        + (f"; needed: {one['needed']}" if one["needed"] else "")
        for one in why["steps"]
        if one["outcome"] != "not reached"
    ]
    return [*told, why["action"]]


def burst(stage: Stage) -> None:
    """Five a second is the limit of this route; of a burst the rest waits as long as it is told to."""
    key = stage.caller("sandbox")
    began = time.perf_counter()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: key.call("POST", "/api/v1/orders", expect=None, json_=ORDER), range(30)))
    seconds = time.perf_counter() - began
    refused = [one for one in answers if one.status == 429]
    strange = [one for one in answers if one.status not in (201, 429)]
    demand(not strange, "Each should be taken or told to wait.", *strange[:1])
    demand(refused, "Thirty orders at once should have met the limit.")
    told = f"Of thirty orders at once {len(refused)} are too many"
    stage.screen.request("POST", "/api/v1/orders  (30 times)", 429, seconds, told)
    wait = max(int(one.headers["retry-after"]) for one in refused)
    stage.note(f"Retry-After: {wait}; RateLimit: {refused[0].headers['ratelimit']}")
    demand(1 <= wait <= 5, "The wait should be short.", refused[0])
    time.sleep(wait)
    key.post("/api/v1/orders", f"{wait} s later it goes on", 201, json_=ORDER)
