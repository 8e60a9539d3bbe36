"""Where one app's calls and attempts are counted."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from .. import quotas
from ..quotas import Counter
from .declared import DATABASE_URL
from .places import Ground


class Counters(Ground):
    """The counter, and those for what must take no room from calls. Each is made when it is first asked for."""

    @cached_property
    def counter(self) -> Counter:
        url, limiter = self.settings[quotas.COUNTERS_URL], self.options.limiter
        if url is None and limiter is None and self.app.testing and self.settings[DATABASE_URL] is None:
            return quotas.Memory()
        return quotas.counter_for(url, self.folder, limiter)

    @property
    def counters_folder(self) -> Path | None:
        """Where the shared counter file is; None when calls are counted elsewhere."""
        return self.counter.path.parent if isinstance(self.counter, quotas.SharedFile) else None

    @cached_property
    def once_counter(self) -> Counter:
        """Where it is counted that proofs are good once. However many come, calls are counted as ever."""
        return quotas.apart(self.counter, "once")

    @cached_property
    def asked_counter(self) -> Counter:
        """Where it is counted how often those ask who prove nothing, however many they are."""
        return quotas.apart(self.counter, "asked")

    @cached_property
    def tried_counter(self) -> Counter:
        """Where attempts to sign in are counted, and mails that people cause: never by the host's own ``limiter``.

        Not all of what it may stand on can take back what turned out to be good.
        """
        url = self.settings[quotas.COUNTERS_URL]
        if url is None and self.app.testing:  # another run of a host's tests begins anew
            return quotas.Memory()
        counter = self.counter if self.options.limiter is None else quotas.counter_for(url, self.folder)
        return quotas.apart(counter, "tried")
