"""The lifecycle of an application, from draft to retirement, and everything that stands at its doors.

Start at :class:`Onboarding`. Every move is a row of ``MOVES``; commands, API and pages go through the same ones.
"""

from .certification import Certified, certification_of, role_ends
from .checks import registry_of
from .declared import ONBOARDING, RECERTIFY, REFERENCE_REQUIRED, REVIEW_EXPIRY, REVIEW_SAMPLE, SETTINGS
from .desk import Call, Desk, Ending
from .door import Invited
from .dossier import Dossier
from .examine import CheckResult, Waiver
from .following import Next
from .graduation import Step
from .moves import MOVES, Move
from .onboarding import Onboarding
from .policy import Certification, ReviewPolicy
from .records import Basis, Kind, Message, Review, ReviewState, Vote
from .sandbox import Entered
from .settable import Demand
from .sitters import judges_addresses

__all__ = [
    "MOVES",
    "ONBOARDING",
    "RECERTIFY",
    "REFERENCE_REQUIRED",
    "REVIEW_EXPIRY",
    "REVIEW_SAMPLE",
    "SETTINGS",
    "Basis",
    "Call",
    "Certification",
    "Certified",
    "CheckResult",
    "Demand",
    "Desk",
    "Dossier",
    "Ending",
    "Entered",
    "Invited",
    "Kind",
    "Message",
    "Move",
    "Next",
    "Onboarding",
    "Review",
    "ReviewPolicy",
    "ReviewState",
    "Step",
    "Vote",
    "Waiver",
    "certification_of",
    "judges_addresses",
    "registry_of",
    "role_ends",
]
