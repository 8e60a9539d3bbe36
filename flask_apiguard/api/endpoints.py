"""All endpoints, noun by noun: the one table."""

from __future__ import annotations

from .access import table as access
from .anomalies import table as anomalies
from .applications import table as applications
from .calls import table as calls
from .certificates import table as certificates
from .checks import table as checks
from .clients import table as clients
from .credentials import table as credentials
from .documents import table as documents
from .explain import table as explain
from .ledger import table as ledger
from .members import table as members
from .oauth import table as oauth
from .organizations import table as organizations
from .people import table as people
from .plans import table as plans
from .public_keys import table as public_keys
from .reviews import table as reviews
from .settings import table as settings
from .signing_keys import table as signing_keys
from .table import Endpoint, Table
from .tokens import table as tokens
from .usage import table as usage

TABLES: tuple[Table, ...] = (
    people, tokens, members, organizations, applications, checks, reviews, clients, credentials, oauth, public_keys,
    certificates, signing_keys, access, plans, usage, calls, explain, anomalies, ledger, settings, documents,
)  # fmt: skip
ENDPOINTS: tuple[Endpoint, ...] = tuple(endpoint for table in TABLES for endpoint in table.endpoints)
