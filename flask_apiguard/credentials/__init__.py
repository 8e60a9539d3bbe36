"""Credentials and tokens: made, rotated, revoked, and verified at the gate."""

from .access_tokens import AccessTokenType
from .client_secrets import check_client_secret
from .ends import prune, revoke_family, revoke_token, revoke_tokens_by, revoke_tokens_for, revoke_tokens_of
from .format import Format, Malformed, pattern
from .imported import Entry, import_hashed
from .keys import Keys, revoke, revoke_all
from .lifetimes import GRANT_TYPES, Lifetimes, Within, written
from .presented import presented_texts
from .records import Credential, Kind, Phase, get, list_of
from .series import Series
from .settings import KEY_LIFETIME, SETTINGS, TOKEN_LIFETIME
from .tokens import Token, TokenKind, Tokens, began_at, consume, keep_alive, successor_of
from .types import ApiKeyType, ImportedKeyType
from .use import LastUse, Use, uses_of
from .verifier import Verifier

__all__ = [
    "GRANT_TYPES",
    "KEY_LIFETIME",
    "SETTINGS",
    "TOKEN_LIFETIME",
    "AccessTokenType",
    "ApiKeyType",
    "Credential",
    "Entry",
    "Format",
    "ImportedKeyType",
    "Keys",
    "Kind",
    "LastUse",
    "Lifetimes",
    "Malformed",
    "Phase",
    "Series",
    "Token",
    "TokenKind",
    "Tokens",
    "Use",
    "Verifier",
    "Within",
    "began_at",
    "check_client_secret",
    "consume",
    "get",
    "import_hashed",
    "keep_alive",
    "list_of",
    "pattern",
    "presented_texts",
    "prune",
    "revoke",
    "revoke_all",
    "revoke_family",
    "revoke_token",
    "revoke_tokens_by",
    "revoke_tokens_for",
    "revoke_tokens_of",
    "successor_of",
    "uses_of",
    "written",
]
