"""Can somebody be reached when something happens? Texts name no address: they end up in the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from ...values import Evidence
from ..dossier import Dossier
from .part import Takes, check, failed, names, passed, waiting

#: Nobody reads what is sent there.
UNREAD = frozenset({
    "do-not-reply", "donotreply", "mailer-daemon", "no-reply", "no_reply", "noreply", "null", "postmaster",
})  # fmt: skip
#: Mailboxes that are thrown away, and domains that never receive (RFC 2606, RFC 6761).
THROWN_AWAY = frozenset({
    "10minutemail.com", "10minutemail.net", "20minutemail.com", "dispostable.com", "discard.email", "emailondeck.com",
    "fakeinbox.com", "getairmail.com", "getnada.com", "grr.la", "guerrillamail.com", "guerrillamail.info",
    "guerrillamail.net", "guerrillamail.org", "inboxkitten.com", "mail-temp.com", "mailcatch.com", "maildrop.cc",
    "mailinator.com", "mailinator.net", "mailnesia.com", "mailsac.com", "mintemail.com", "mohmal.com", "moakt.com",
    "mytemp.email", "sharklasers.com", "spam4.me", "spamgourmet.com", "temp-mail.io", "temp-mail.org", "tempail.com",
    "tempmail.com", "tempmail.net", "tempr.email", "throwawaymail.com", "trashmail.com", "trashmail.de",
    "trashmail.net", "yopmail.com", "yopmail.fr", "yopmail.net",
})  # fmt: skip
NEVER_RECEIVE = ("invalid", "localhost", "local", "internal", "onion", "arpa")


@check("contact-proved", "The contact address is proved")
def proved(dossier: Dossier) -> Evidence:
    """Somebody who reads the contact address has said so."""
    application = dossier.application
    if application.contact_proved_at is not None:
        return passed("Somebody answered from the address.", proved_at=application.contact_proved_at.isoformat())
    if application.contact_email and application.contact_email.casefold() in dossier.proved_addresses:
        return passed("It is the proved address of somebody in the organization.", member=True)
    if application.invited:
        return passed("The operator who invited the application vouches for its contact.", invited=True)
    if not application.contact_email:
        return failed("There is no contact address.", "Give the address of somebody who answers within a day.")
    return waiting("The address is not proved yet.", "Have a code sent to it, and give it back.")


_TAKES = (
    Takes("throw_away", [], names, "Further domains whose mailboxes are thrown away."),
    Takes("unread", [], names, "Further mailboxes that nobody reads: what stands before the @."),
)


@check("contact-domain", "The contact address is read by somebody, and stays", takes=_TAKES)
def domain(dossier: Dossier, *, throw_away: Sequence[str], unread: Sequence[str]) -> Evidence:
    """Neither a throw-away mailbox nor one that nobody reads."""
    email = dossier.application.contact_email.casefold()
    if not email:
        if dossier.application.invited:
            return passed("The operator who invited the application knows whom to ask.", invited=True)
        return failed("There is no contact address.", "Give the address of somebody who answers within a day.")
    local, _, host = email.rpartition("@")
    labels = host.split(".")
    found = {"domain": host, "expected": "an address that a person reads"}
    if local.partition("+")[0] in UNREAD.union(unread):
        return failed("Nobody reads this mailbox.", "Give an address that a person or a team reads.", **found)
    if not THROWN_AWAY.union(throw_away).isdisjoint(".".join(labels[start:]) for start in range(len(labels) - 1)):
        return failed("This is a throw-away mailbox.", "Give an address of your organization.", **found)
    if not local or len(labels) < 2 or labels[-1] in NEVER_RECEIVE:
        return failed("No mail reaches this domain.", "Give an address of your organization.", **found)
    return passed("The domain is neither throw-away nor internal.", domain=host)


CHECKS = (proved, domain)
