"""The authorization server: OAuth 2 for clients that speak it. Off until ``APIGUARD_ISSUER`` says what its name is.

Importing this package imports no OAuth library; that happens when the server is built, so only where there is one.
"""

from . import tables as tables
from .consents import Consent, consents_of, withdraw
from .places import Places, places
from .registrations import set_public
from .settings import ISSUER, REFRESH_LIFETIME, RESOURCE, SETTINGS, SIGN_IN

__all__ = [
    "ISSUER",
    "REFRESH_LIFETIME",
    "RESOURCE",
    "SETTINGS",
    "SIGN_IN",
    "Consent",
    "Places",
    "consents_of",
    "places",
    "set_public",
    "withdraw",
]
