"""Is what is asked for known, explained, and used?"""

from __future__ import annotations

from ...values import Environment, Evidence
from ..dossier import Dossier
from .part import PRODUCTION, Takes, check, failed, number, passed

_WHY = Takes("at_least", 10, number(1, 500), "How many characters a reason has that says something.")


@check("scopes-known", "Every requested scope exists")
def known(dossier: Dossier) -> Evidence:
    """Declared by the host or written by an operator. An application that asks for nothing can do nothing."""
    asked = set(dossier.application.requested_scopes)
    if not asked:
        return failed("No scope is requested.", "Request the scopes that the application needs.", expected="at least 1")
    unknown = sorted(asked - set(dossier.known_scopes))
    if unknown:
        return failed(
            f"Nobody declared {' '.join(unknown)[:200]}.", "Request scopes from the list that the API's owner gives.",
            unknown=unknown, expected=sorted(dossier.known_scopes),
        )  # fmt: skip
    return passed("All of them exist.", scopes=sorted(asked))


@check("scopes-explained", "Every requested scope has a reason", takes=(_WHY,))
def explained(dossier: Dossier, *, at_least: int) -> Evidence:
    """Each says what it is needed for."""
    # An operator's reason, however short, was given for all of them.
    least = 1 if dossier.application.invited else at_least
    asked = dossier.application.requested_scopes
    bare = sorted(scope for scope, why in asked.items() if len(str(why).strip()) < least)
    if bare:
        return failed(
            f"It isn't said what {' '.join(bare)[:200]} is for.", "Write for each scope what it is needed for.",
            unexplained=bare, expected=f"at least {least} characters each",
        )  # fmt: skip
    return passed("Each has one.", scopes=sorted(dossier.application.requested_scopes))


@check("plan", "The requested plan exists")
def plan(dossier: Dossier) -> Evidence:
    """One that the house offers, or none."""
    wanted = dossier.application.requested_plan
    if wanted is None or wanted in dossier.plans:
        return passed("It exists." if wanted else "None is requested.", plan=wanted)
    return failed(
        f"There is no plan {wanted[:60]}.", "Request one of the plans offered.", plan=wanted,
        expected=sorted(dossier.plans),
    )  # fmt: skip


@check("least-privilege", "Production holds no more than was exercised", before=(PRODUCTION,))
def least(dossier: Dossier) -> Evidence:
    """What production holds or would be offered was exercised in the sandbox; and something was."""
    application, used = dossier.application, dossier.exercised
    if application.invited:
        return passed("The operator named the scopes.", invited=True)
    held = {grant.scope for grant in dossier.grants if grant.environment is Environment.PRODUCTION}
    idle = sorted(set(application.requested_scopes) - used)
    facts = {"exercised": sorted(used), "left_out": idle, "held": sorted(held)}
    if not used:
        return failed(
            "No requested scope was exercised in the sandbox.", "Make a good sandbox call with each scope you need.",
            expected="at least 1", **facts,
        )  # fmt: skip
    detail = "Only what was exercised is offered." if idle else "All that is requested was exercised."
    return passed(detail, **facts)


CHECKS = (known, explained, plan, least)
