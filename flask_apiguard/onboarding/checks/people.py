"""Does somebody answer for the application, and does it belong to somebody the host knows?"""

from __future__ import annotations

from ...values import Evidence
from ..dossier import Dossier
from .part import PRODUCTION, check, failed, passed

PURPOSE_AT_LEAST = 20


@check("owner-seated", "An owner of the organization can sign in")
def owner(dossier: Dossier) -> Evidence:
    """At least one. Invited applications may have nobody: the operator acts for them."""
    if dossier.owners:
        return passed("Somebody can act for the organization.", owners=len(dossier.owners), expected="at least 1")
    if dossier.application.invited:
        return passed("The operator acts for an invited application.", invited=True)
    return failed(
        "No owner of the organization can sign in.",
        "Have an owner prove their address, or seat another one.",
        owners=0, expected="at least 1",
    )  # fmt: skip


@check("purpose", "What the application is for is explained")
def purpose(dossier: Dossier) -> Evidence:
    """A sentence that a reviewer can weigh."""
    told = " ".join(dossier.application.purpose.split())
    found = {"characters": len(told), "expected": f"at least {PURPOSE_AT_LEAST}"}
    if dossier.application.invited and told:
        return passed("The operator who invited the application gave a reason.", invited=True)
    if len(told) >= PURPOSE_AT_LEAST and len(set(told.casefold().split())) >= 3:
        return passed("The purpose is told.", **found)
    return failed("The purpose says too little.", "Write in a sentence what it does and for whom.", **found)


@check("reference", "The application is bound to a customer", before=(PRODUCTION,))
def reference(dossier: Dossier) -> Evidence:
    """Bound to the host's own id of a customer or tenant, where the house demands it."""
    bound = dossier.application.reference
    if bound:
        return passed("It is bound to a customer of the host's.", reference=bound)
    if not dossier.policy.reference_in_production:
        return passed("This house demands no reference.", expected="nothing")
    return failed("It is bound to no customer.", "Have an operator set its reference.", expected="a reference")


CHECKS = (owner, purpose, reference)
