"""Rules: what a route demands, the decorators that attach it, and the book that finds it for a request."""

from .book import Book
from .decorators import accepts, limit, public, require, returns
from .rule import LOCATIONS, Accepts, Draft, Limit, Returns, Rule, combine, demand, draft_of, opened

__all__ = [
    "LOCATIONS",
    "Accepts",
    "Book",
    "Draft",
    "Limit",
    "Returns",
    "Rule",
    "accepts",
    "combine",
    "demand",
    "draft_of",
    "limit",
    "opened",
    "public",
    "require",
    "returns",
]
