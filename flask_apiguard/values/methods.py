"""HTTP methods by what they may do."""

from __future__ import annotations

#: Change nothing that their sender is answerable for (RFC 9110, section 9.2.1): nobody has to prove where they began.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
#: Bring a thing itself (RFC 9110, sections 9.3.1 and 9.3.2).
READ_METHODS = frozenset({"GET", "HEAD"})
