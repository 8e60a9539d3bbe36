"""Organizations, applications and clients: made, read, edited, suspended.

Every write appends to the change log what it can turn, and to the ledger what was done. How far an application may
go is moved by ``onboarding`` alone; ``set_state`` here only writes what that room has decided.
"""

from .identities import create_client, resume, set_plan, suspend, suspend_anew
from .kinds import EDITABLE, Application, Client, Organization
from .owners import (
    create_application,
    create_organization,
    edit_application,
    edit_organization,
    prove_contact,
    set_reference,
    set_state,
)
from .reading import application, applications, client, clients_of, organization, organizations, owner_of

__all__ = [
    "EDITABLE",
    "Application",
    "Client",
    "Organization",
    "application",
    "applications",
    "client",
    "clients_of",
    "create_application",
    "create_client",
    "create_organization",
    "edit_application",
    "edit_organization",
    "organization",
    "organizations",
    "owner_of",
    "prove_contact",
    "resume",
    "set_plan",
    "set_reference",
    "set_state",
    "suspend",
    "suspend_anew",
]
