"""Organizations, applications, clients, their standing, and the change log that makes every process see a change."""

from .changes import EVERYTHING, changed
from .holding import hold
from .memory import Memory
from .registry import Application, Client, Organization
from .watch import Watch

__all__ = ["EVERYTHING", "Application", "Client", "Memory", "Organization", "Watch", "changed", "hold"]
