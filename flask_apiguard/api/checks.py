"""Checks of an application, waivers by two people, and how far graduation is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import fields

from ..errors import Missing
from ..onboarding import CheckResult, Waiver
from ..people import Act
from .acting import act_on
from .call import Answer, Call, Next
from .fields import Choice, In, Moment, Prose, Resource
from .lookups import application_of
from .table import Table

if TYPE_CHECKING:
    from ..clients import Application
    from ..db import Transaction

table = Table("checks")


class RunIn(In):
    before = Choice("enter_sandbox", "enter_production", metadata={"description": "Only what this move waits for."})


class WaiverIn(In):
    reason = Prose(1, 2000, required=True)
    until = Moment(required=True)


class CheckOut(Resource):
    name = fields.String()
    title = fields.String()
    verdict = fields.String()
    detail = fields.String()
    fix = fields.String()
    facts = fields.Dict()
    at = Moment(allow_none=True)
    waived_until = Moment(allow_none=True)
    before = fields.List(fields.String())
    blocks = fields.Boolean()


class WaiverOut(Resource):
    id = fields.String()
    application_id = fields.String()
    check = fields.String()
    reason = fields.String()
    until = Moment()
    by = fields.String()
    at = Moment()
    seconded_by = fields.String(allow_none=True)
    seconded_at = Moment(allow_none=True)


class StepOut(Resource):
    name = fields.String()
    title = fields.String()
    done = fields.Boolean()
    at = Moment(allow_none=True)
    evidence = fields.String()
    optional = fields.Boolean()


def _follow(call: Call, source: Any, application_id: str) -> list[Next]:
    return call.followed(call.house.onboarding.next_of(source, call.by, application_id))


@table.get("/applications/<application_id>/checks", "What every check found last", out=CheckOut, many=True,
           act=Act.CLIENTS_APPLICATION_READ)  # fmt: skip
def list_(call: Call) -> Answer:
    with call.read() as conn:
        found = application_of(call, conn, Act.CLIENTS_APPLICATION_READ)
        return Answer(call.house.onboarding.checks_of(conn, found.id), _follow(call, conn, found.id))


@table.post("/applications/<application_id>/checks", "Run the checks", body=RunIn, out=CheckOut, many=True,
            act=Act.ONBOARDING_CHECK_RUN)  # fmt: skip
def run(call: Call) -> Answer:
    with call.read() as conn:
        seen = call.house.onboarding.look(conn, application_of(call, conn, Act.ONBOARDING_CHECK_RUN).id)

    def examine(tx: Transaction, found: Application) -> list[CheckResult]:
        return call.house.onboarding.run_checks(tx, call.by, found.id, call.body.get("before"), calls=seen)

    return act_on(
        call, lambda tx: application_of(call, tx, Act.ONBOARDING_CHECK_RUN), examine,
        lambda conn, results: Answer(results, _follow(call, conn, call.path["application_id"])),
    )  # fmt: skip


@table.get("/applications/<application_id>/waivers", "Waivers", out=WaiverOut, many=True,
           act=Act.CLIENTS_APPLICATION_READ)  # fmt: skip
def waivers(call: Call) -> Answer:
    with call.read() as conn:
        found = application_of(call, conn, Act.CLIENTS_APPLICATION_READ)
        return Answer(call.house.onboarding.waivers(conn, found.id))


@table.post("/applications/<application_id>/checks/<check>/waiver", "Propose to waive a failed check", body=WaiverIn,
            out=WaiverOut, status=201, act=Act.ONBOARDING_CHECK_WAIVE)  # fmt: skip
def waive(call: Call) -> Answer:
    with call.write() as tx:
        found = application_of(call, tx, Act.ONBOARDING_CHECK_WAIVE)
        made = call.house.onboarding.waive(
            tx, call.by, found.id, call.path["check"], call.body["reason"], call.body["until"]
        )
    path, why = "/applications/<id>/waivers/<waiver>/second", "It counts once a second person agrees."
    return Answer(made, [call.next("second", "POST", path, why, id=found.id, waiver=made.id)])


@table.post("/applications/<application_id>/waivers/<waiver_id>/second", "Agree to a waiver as the second person",
            out=WaiverOut, act=Act.ONBOARDING_CHECK_WAIVE)  # fmt: skip
def second(call: Call) -> Answer:
    def agree(tx: Transaction, found: Application) -> Waiver:
        if not any(one.id == call.path["waiver_id"] for one in call.house.onboarding.waivers(tx, found.id)):
            raise Missing
        return call.house.onboarding.second(tx, call.by, call.path["waiver_id"])

    return act_on(
        call, lambda tx: application_of(call, tx, Act.ONBOARDING_CHECK_WAIVE), agree,
        lambda conn, made: Answer(made, _follow(call, conn, made.application_id)),
    )  # fmt: skip


@table.get("/applications/<application_id>/graduation", "Steps of graduation, ticked by observed calls", out=StepOut,
           many=True, act=Act.CLIENTS_APPLICATION_READ)  # fmt: skip
def graduation(call: Call) -> Answer:
    with call.read() as conn:
        found = application_of(call, conn, Act.CLIENTS_APPLICATION_READ)
        return Answer(call.house.onboarding.graduation_of(conn, found.id), _follow(call, conn, found.id))
