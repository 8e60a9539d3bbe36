"""What the doctor looks at: settings, surroundings, what is kept, the authorization server. All yield findings."""

from . import configuration, keeping, oauth, surroundings
from .finding import Finding, Look
from .keeping import opened
from .kinds import Kind, Severity

EXAMINATIONS = (
    *configuration.EXAMINATIONS, *surroundings.EXAMINATIONS, *oauth.EXAMINATIONS, *keeping.EXAMINATIONS,
)  # fmt: skip
#: Asked only when the stores are open.
INSIDE = (*keeping.INSIDE, *oauth.INSIDE)

__all__ = ["EXAMINATIONS", "INSIDE", "Finding", "Kind", "Look", "Severity", "opened"]
