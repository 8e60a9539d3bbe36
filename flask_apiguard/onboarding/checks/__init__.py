"""The automated checks, in the order in which they are told. A host adds its own with ``APIGuard(checks=[...])``."""

from __future__ import annotations

from collections.abc import Sequence

from ...contracts import OnboardingCheck, Registry
from . import contact, credentials, network, people, scopes
from .part import Check, Takes


def registry_of(more: Sequence[OnboardingCheck] = ()) -> Registry[OnboardingCheck]:
    """Our checks, and then a host's.

    :raises ConfigurationError: a name is taken.
    """
    ours = (*contact.CHECKS, *people.CHECKS, *network.CHECKS, *scopes.CHECKS, *credentials.CHECKS)
    return Registry("check", lambda part: part.name, (*ours, *more))


__all__ = ["Check", "Takes", "registry_of"]
