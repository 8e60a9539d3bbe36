"""What people are told by mail. Each says what happened, what to do, and what to do if it was not you."""

from __future__ import annotations

from ..contracts import Notice
from ..db import Transaction
from ..notices import notify
from .desk import Desk, row_of

#: In `Notice.facts`: the text opens an account, so it goes to its address and nowhere else.
CONFIDENTIAL = "confidential"
#: Relative to the base URL. The secret stands behind ``#``, where no server's log and no Referer sees it.
PAGES = {"proof": "/apiguard/prove", "sign-in": "/apiguard/sign-in", "invitation": "/apiguard/invitation"}
_NOT_YOU = "If this was not you, you need do nothing: without this mail nobody gets in."


def link(desk: Desk, word: str, secret: str, page: str | None = None) -> str:
    """Where the secret is used: a link when the base URL is known, else the bare secret to copy.

    ``page`` is the path of another page than that of the word, below the base URL.
    """
    return f"{desk.base_url.rstrip('/')}{page or PAGES[word]}#{secret}" if desk.base_url else secret


def prove(tx: Transaction, desk: Desk, email: str, secret: str) -> None:
    """To somebody who registers."""
    text = "Somebody registered this address here. To finish, open within 24 hours:"
    _send_secret(
        tx, "people:proof", email, "Confirm your address", text, link(desk, "proof", secret), _NOT_YOU, secret=secret
    )


def known_already(tx: Transaction, email: str) -> None:
    """To somebody whose address is registered again, instead of telling whoever did it."""
    text = "Somebody registered this address here, but it has an account already. Sign in, or ask for a sign-in link."
    _send(tx, "people:known", email, "You have an account already", text, "If this was not you, you need do nothing.")


def sign_in(tx: Transaction, desk: Desk, email: str, secret: str, page: str | None) -> None:
    """To somebody who asked for a link."""
    text, where = "To sign in, open within 15 minutes:", link(desk, "sign-in", secret, page)
    _send_secret(tx, "people:link", email, "Your sign-in link", text, where, _NOT_YOU, secret=secret)


def no_account(tx: Transaction, email: str) -> None:
    """To an address with nothing behind it, so that asking for a link looks alike from outside."""
    text = "Somebody asked for a sign-in link for this address, but nobody can sign in with it."
    _send(
        tx,
        "people:no-account",
        email,
        "No sign-in with this address",
        text,
        "If this was not you, you need do nothing.",
    )


def invite(tx: Transaction, desk: Desk, email: str, inviter: str, seat: str, secret: str) -> None:
    """To somebody who is offered a seat."""
    text = f"{inviter} invites you to a seat as {seat}. To accept, open within 7 days:"
    _send_secret(
        tx, "people:invitation", email, "You are invited", text, link(desk, "invitation", secret), secret=secret
    )


def password_changed(tx: Transaction, email: str) -> None:
    """To the owner of an account whose password is another one now."""
    text = "Your password was changed, and every other session was ended."
    hint = "If this was not you, ask for a sign-in link and set another password at once."
    _send(tx, "people:password", email, "Your password was changed", text, hint)


def _send(tx: Transaction, key: str, email: str, subject: str, *paragraphs: str) -> None:
    text = "\n\n".join(paragraphs) + "\n"
    notify(tx, Notice(key, subject, text, (email,)))


def _send_secret(tx: Transaction, key: str, email: str, subject: str, *paragraphs: str, secret: str) -> None:
    """With a key of its own, since no two say the same; ``confidential``: only its person may read it."""
    text = "\n\n".join(paragraphs) + "\n"
    unique = f"{key}:{row_of(secret)}"
    notify(tx, Notice(unique, subject, text, (email,), facts={CONFIDENTIAL: True}))
