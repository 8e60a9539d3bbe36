"""What the doctor looks at: settings, surroundings, and what is kept. Each examination yields its findings."""

from . import configuration, keeping, surroundings
from .finding import Finding, Look, Severity
from .keeping import INSIDE, opened

EXAMINATIONS = (*configuration.EXAMINATIONS, *surroundings.EXAMINATIONS, *keeping.EXAMINATIONS)

__all__ = ["EXAMINATIONS", "INSIDE", "Finding", "Look", "Severity", "opened"]
