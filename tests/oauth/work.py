"""What an act costs, counted in calls: seconds would tell of the machine and of its neighbours too."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any


def calls_of(act: Callable[[], object]) -> Counter[str]:
    """How often each function is called meanwhile, of Python's and of C's, in this thread."""
    found: Counter[str] = Counter()

    def count(frame: FrameType, event: str, arg: Any) -> None:
        if event == "call":
            found[f"{frame.f_code.co_filename}:{frame.f_code.co_qualname}"] += 1
        elif event == "c_call":
            found[arg.__qualname__] += 1

    gc.disable()  # what others have left lying about is not this act's
    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(None)
        gc.enable()
    return found
