"""Persons, seats, invitations, signing in, person tokens, and which seat may do what.

Start at :class:`People`. ``may`` and ``demand`` ask one table (``acts``); everything that changes enters the ledger.
"""

from .acts import HOUSE_SEATS, ORGANIZATION_SEATS, Act, Seat, demand, may, own, refused_as, seats_for
from .declared import BASE_URL, PERSON_TOKEN_LIFETIME, SESSION_LIFETIME, SETTINGS
from .hosts import FirstAdministrator
from .invitations import Invitation
from .passwords import PasswordHash, Passwords
from .people import People
from .persons import NOWHERE, Issued, Origin, Person, PersonToken, Registration, is_enabled
from .seats import Held, sat_since
from .throttle import Throttle
from .tokens import narrower

__all__ = [
    "BASE_URL",
    "HOUSE_SEATS",
    "NOWHERE",
    "ORGANIZATION_SEATS",
    "PERSON_TOKEN_LIFETIME",
    "SESSION_LIFETIME",
    "SETTINGS",
    "Act",
    "FirstAdministrator",
    "Held",
    "Invitation",
    "Issued",
    "Origin",
    "PasswordHash",
    "Passwords",
    "People",
    "Person",
    "PersonToken",
    "Registration",
    "Seat",
    "Throttle",
    "demand",
    "is_enabled",
    "may",
    "narrower",
    "own",
    "refused_as",
    "sat_since",
    "seats_for",
]
