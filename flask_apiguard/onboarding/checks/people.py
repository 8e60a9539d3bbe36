"""Does somebody answer for the application, and does it belong to somebody the host knows?"""

from __future__ import annotations

from ...values import Evidence
from ..dossier import Dossier
from .part import PRODUCTION, Takes, check, failed, number, passed, yes_or_no

_OWNERS = Takes("at_least", 1, number(1, 10), "How many owners must be able to sign in.")


@check("owner-seated", "An owner of the organization can sign in", takes=(_OWNERS,))
def owner(dossier: Dossier, *, at_least: int) -> Evidence:
    """At least one. Invited applications may have nobody: the operator acts for them."""
    found = {"owners": len(dossier.owners), "expected": f"at least {at_least}"}
    if len(dossier.owners) >= at_least:
        return passed("Somebody can act for the organization.", **found)
    if dossier.application.invited:
        return passed("The operator acts for an invited application.", invited=True)
    detail = "Too few owners of the organization can sign in." if dossier.owners else (
        "No owner of the organization can sign in."
    )  # fmt: skip
    fix = "Have an owner prove their address, or invite another: flask apiguard people invite ADDRESS --seat owner"
    return failed(detail, f"{fix} --organization {dossier.application.organization_id}.", **found)


_PURPOSE = Takes("at_least", 20, number(1, 1000), "How many characters a purpose has that says something.")


@check("purpose", "What the application is for is explained", takes=(_PURPOSE,))
def purpose(dossier: Dossier, *, at_least: int) -> Evidence:
    """A sentence that a reviewer can weigh."""
    told = " ".join(dossier.application.purpose.split())
    found = {"characters": len(told), "expected": f"at least {at_least}"}
    if dossier.application.invited and told:
        return passed("The operator who invited the application gave a reason.", invited=True)
    if len(told) >= at_least and len(set(told.casefold().split())) >= 3:
        return passed("The purpose is told.", **found)
    return failed("The purpose says too little.", "Write in a sentence what it does and for whom.", **found)


_REFERENCE = Takes(
    "required", False, yes_or_no, "Whether there must be one; APIGUARD_REFERENCE_REQUIRED demands it as well."
)


@check("reference", "The application is bound to a customer", before=(PRODUCTION,), takes=(_REFERENCE,))
def reference(dossier: Dossier, *, required: bool) -> Evidence:
    """Bound to the host's own id of a customer or tenant, where the house demands it."""
    bound = dossier.application.reference
    if bound:
        return passed("It is bound to a customer of the host's.", reference=bound)
    if not (required or dossier.policy.reference_in_production):
        return passed("This house demands no reference.", expected="nothing")
    return failed("It is bound to no customer.", "Have an operator set its reference.", expected="a reference")


CHECKS = (owner, purpose, reference)
