"""Does what the application proves itself with end some day, and is it its alone?"""

from __future__ import annotations

import datetime as dt

from ...values import Evidence
from ..dossier import Dossier
from .part import PRODUCTION, check, failed, passed

_SLACK = dt.timedelta(hours=1)


@check("credential-expiry", "Credentials end within the house's limits", before=(PRODUCTION,))
def expiry(dossier: Dossier) -> Evidence:
    """No live credential was made for longer than its environment allows."""
    environments, long = dossier.environments, {}
    count = 0
    for client_id, credentials in dossier.credentials.items():
        most = dossier.lifetimes.get(environments[client_id])
        for one in credentials:
            count += 1
            if most is not None and one.expires_at - one.created_at > dt.timedelta(seconds=most) + _SLACK:
                long[one.id] = (one.expires_at - one.created_at).days
    expected = {name: most // 86400 for name, most in dossier.lifetimes.items()}
    if long:
        return failed(
            f"{len(long)} of {count} live credentials were made for longer than this house allows.",
            "Rotate them; the successor gets the house's lifetime.", days=long, expected=expected,
        )  # fmt: skip
    return passed("All of them end in time." if count else "There is none yet.", count=count, expected=expected)


@check("credentials-unshared", "No credential is shared between applications or environments")
def unshared(dossier: Dossier) -> Evidence:
    """No live credential's secret also proves another client."""
    if dossier.shared:
        return failed(
            "A credential also opens another client.", "Revoke it and create one for each client.",
            shared={one: list(clients) for one, clients in dossier.shared.items()}, expected="one client each",
        )  # fmt: skip
    return passed("Each belongs to one client.", expected="one client each")


CHECKS = (expiry, unshared)
