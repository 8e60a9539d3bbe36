"""Around the app: what must hold before Flask looks at a request, and the record before its answer leaves."""

from .middleware import FORGEABLE, Perimeter, Start
from .streams import StillAdmitted

__all__ = ["FORGEABLE", "Perimeter", "Start", "StillAdmitted"]
