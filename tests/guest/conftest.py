"""Puts the guest's folder on the path, so that `shop` and `routes` are imported as in a project of its own."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)
