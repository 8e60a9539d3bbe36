"""The gate: the way of one request (``way``), what becomes of it (``gate``), and where it stands (``attaching``)."""

from .attaching import attach
from .challenge import suggestion
from .demands import DemandBook, Demands
from .gate import Gate
from .manners import SETTINGS, Manners, read_manners
from .way import Way, throttled

__all__ = [
    "SETTINGS",
    "DemandBook",
    "Demands",
    "Gate",
    "Manners",
    "Way",
    "attach",
    "read_manners",
    "suggestion",
    "throttled",
]
