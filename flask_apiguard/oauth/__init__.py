"""The authorization server: OAuth 2 for clients that speak it. Off until ``APIGUARD_ISSUER`` says what its name is.

Importing this package imports no OAuth library; that happens when the server is built, so only where there is one.
"""

from . import signing_table as signing_table
from . import tables as tables
from .consents import Consent, consents_of, withdraw
from .places import Places, places
from .pruning import prune
from .registrations import set_public
from .settings import (
    DPOP_NONCE,
    ISSUER,
    REFRESH_LIFETIME,
    RESOURCE,
    SETTINGS,
    SIGN_IN,
    SIGNING_ALGORITHM,
    SIGNING_KEY_LIFETIME,
    TOKEN_FORMAT,
)

__all__ = [
    "DPOP_NONCE",
    "ISSUER",
    "REFRESH_LIFETIME",
    "RESOURCE",
    "SETTINGS",
    "SIGNING_ALGORITHM",
    "SIGNING_KEY_LIFETIME",
    "SIGN_IN",
    "TOKEN_FORMAT",
    "Consent",
    "Places",
    "consents_of",
    "places",
    "prune",
    "set_public",
    "withdraw",
]
