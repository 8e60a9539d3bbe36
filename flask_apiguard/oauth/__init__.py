"""The authorization server: OAuth 2 for clients that speak it. Off until ``APIGUARD_ISSUER`` says what its name is.

Importing this package imports no OAuth library; that happens when the server is built, so only where there is one.
"""

from .places import Places, places
from .settings import ISSUER, RESOURCE, SETTINGS

__all__ = ["ISSUER", "RESOURCE", "SETTINGS", "Places", "places"]
