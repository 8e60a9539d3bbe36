"""Who the host says is signed in, asked in one place: whoever has no id of their own is nobody, not one for all."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from ..errors import ConfigurationError
from ..values import HostUser, is_account
from .declared import Options

logger = logging.getLogger("flask_apiguard")

FIX = "Return None where nobody is signed in, else a HostUser with the user's own id: a text, or a whole number."


class HostUsers:
    """The host's ``guard.host_user``, asked with care."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._complained: set[str] = set()

    @property
    def loader(self) -> Callable[[], HostUser | None] | None:
        """What asks the host; None where it registered nothing."""
        return None if self._options.host_user is None else self.signed_in

    def signed_in(self) -> HostUser | None:
        """The host's signed-in user, by an id that is a text. One without is not signed in; said once for each kind."""
        user = None if self._options.host_user is None else self._options.host_user()
        if user is None:
            return None
        wrong = flaw_of(user.id)
        if not wrong:
            return user if isinstance(user.id, str) else replace(user, id=str(user.id))
        if wrong not in self._complained:
            self._complained.add(wrong)
            logger.error("%s", ConfigurationError(f"guard.host_user named a user whose id is {wrong}.", FIX))
        return None


def flaw_of(user_id: object) -> str:
    """What keeps this from being a user's id, without the id itself; empty when it is one.

    A library's anonymous user has an id of None, and a record that was never saved as well: taken as a text, all
    visitors would be one user. The names of accounts of ours are not the host's to give.
    """
    if isinstance(user_id, str):
        return "empty" if not user_id.strip() else "kept for people with an account here" if is_account(user_id) else ""
    if isinstance(user_id, int) and not isinstance(user_id, bool):
        return ""
    return "None" if user_id is None else f"of type {type(user_id).__name__}"
