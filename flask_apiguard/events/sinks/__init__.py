"""Where access events go besides our own store. A stranger's sink fulfils ``contracts.EventSink`` and goes in here."""

from .json_lines import JsonLinesSink
from .null import NullSink

__all__ = ["JsonLinesSink", "NullSink"]
