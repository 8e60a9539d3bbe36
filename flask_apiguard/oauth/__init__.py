"""The authorization server: OAuth 2 for clients that speak it. Off until ``APIGUARD_ISSUER`` says what its name is.

Importing this package imports no OAuth library; that happens when the server is built, so only where there is one.
"""

from . import certificate_table as certificate_table
from . import device_table as device_table
from . import signing_table as signing_table
from . import tables as tables
from .chosen import Chosen, chosen_of
from .consents import Consent, consents_of, consents_page, withdraw
from .leaving import Left, withdraw_all
from .places import Places, places
from .pruning import prune
from .registrations import CHOOSABLE, set_device, set_grant_types, set_public
from .settings import (
    ASSERTION_LIFETIME,
    DPOP_NONCE,
    ISSUER,
    MTLS_URL,
    RESOURCE,
    SETTINGS,
    SIGN_IN,
    SIGNING_ALGORITHM,
    SIGNING_KEY_LIFETIME,
    TOKEN_FORMAT,
    spans,
)
from .signing_table import ListedKey, SigningPhase, listed_keys

__all__ = [
    "ASSERTION_LIFETIME",
    "CHOOSABLE",
    "DPOP_NONCE",
    "ISSUER",
    "MTLS_URL",
    "RESOURCE",
    "SETTINGS",
    "SIGNING_ALGORITHM",
    "SIGNING_KEY_LIFETIME",
    "SIGN_IN",
    "TOKEN_FORMAT",
    "Chosen",
    "Consent",
    "Left",
    "ListedKey",
    "Places",
    "SigningPhase",
    "chosen_of",
    "consents_of",
    "consents_page",
    "listed_keys",
    "places",
    "prune",
    "set_device",
    "set_grant_types",
    "set_public",
    "spans",
    "withdraw",
    "withdraw_all",
]
