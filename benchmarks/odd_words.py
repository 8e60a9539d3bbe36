"""Words that a stranger might send: names, values and headers that fit, nearly fit, or never do."""

from __future__ import annotations

from .races import DEVICE_GRANT, JWT_BEARER
from .served import CALLBACK, FORM, ISSUER

METHODS = (
    "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND", "post", "X",
)  # fmt: skip
#: Every parameter that any endpoint reads, and some that none does.
NAMES = (
    "acr_values", "actor_token", "answer", "assertion", "audience", "authorization_details", "by", "claims",
    "client_assertion", "client_assertion_type", "client_id", "client_secret", "code", "code_challenge",
    "code_challenge_method", "code_verifier", "device_code", "display", "dpop_jkt", "email", "grant_type",
    "id_token_hint", "login_hint", "max_age", "next", "nonce", "password", "prompt", "proof", "redirect_uri",
    "refresh_token",
    "request", "request_uri", "resource", "response_mode", "response_type", "scope", "state", "subject_token", "token",
    "token_type_hint", "ui_locales", "user_code", "username", "x" * 300, "é", "\x00", "a[b]", "__proto__", "",
)  # fmt: skip
VALUES = (
    "", " ", "0", "-1", "null", "true", "x" * 300, "x" * 9000, "\x00", "a\x00b", "\r\nX-Evil: 1", "é", "\u202e",
    "😀" * 50, "\ud800", "%", "%00", "../../etc/passwd", "' OR 1=1 --", '"', "\\", "<script>", "{{7*7}}", "${x}",
    "1e999", "9" * 400, "orders:read orders:write", "orders:read  orders:read", "openid", "none login", "none",
    "consent", "S256", "plain", "code", "token", "code id_token", "query", "fragment", "form_post",
    "urn:ietf:params:oauth:request_uri:x", "https://evil.example/", "https://app.example/cb/../evil",
    "http://127.0.0.1:99999/cb", "http://[::1", "//x", CALLBACK, ISSUER, "https://issuer.example/api", "BCDF-GHJK",
    "access_token", "refresh_token", "allow", "deny", "e30.e30.e30", "a.b.c", "..", "eyJhbGciOiJub25lIn0.e30.",
    "apiguard_at_x", "apiguard_rt_" + "A" * 60, JWT_BEARER, DEVICE_GRANT,
)  # fmt: skip
HEADERS = (
    "Accept", "Accept-Encoding", "Authorization", "Client-Cert", "Client-Cert-Chain", "Content-Encoding",
    "Content-Type", "Cookie", "DPoP", "Host", "Idempotency-Key", "If-None-Match", "Origin", "Range", "Referer",
    "Sec-Fetch-Site", "X-API-Key", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
    "X-HTTP-Method-Override", "X-Request-Id", "X-SSL-Client-Cert", "X-SSL-Client-Verify", "traceparent",
)  # fmt: skip
SPOKEN = (
    "", "*", "null", "Basic", "Basic x", "Basic Og==", "Basic //8=", "Basic eDp5", "Bearer", "Bearer x", "DPoP x",
    "Digest username=x", "a.b.c", "eyJhbGciOiJFUzI1NiJ9.e30.AA", ":MIIB:", ":AA==:", "-----BEGIN CERTIFICATE-----",
    "%2D%2D%2D%2D%2DBEGIN%20CERTIFICATE%2D%2D%2D%2D%2D%0AAA%3D%3D%0A", "SUCCESS", "gzip", "multipart/form-data",
    "application/json", FORM + "; charset=utf-7", FORM + "; charset=", "text/html;q=x", "bytes=0-", "1.2.3.4, x",
    "::1", "unknown", "https://evil.example", ISSUER, "user=", "user=mallory", "user=\xe9; user=b", "x" * 6000,
    "\xff\xfe", "http",
)  # fmt: skip
