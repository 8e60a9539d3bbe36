"""Settings of the shop; `create_app(config)` and `SHOP_*` in the environment override them."""

from __future__ import annotations

from shop.access import session_or_key


class Config:
    SECRET_KEY = "only for development"
    SHOP_NAME = "Northwind Supplies"
    SQLALCHEMY_DATABASE_URI = "sqlite:///shop.db"
    MAX_CONTENT_LENGTH = 256 * 1024
    SESSION_COOKIE_NAME = "shop_session"
    SESSION_COOKIE_SAMESITE = "Lax"
    PERMANENT_SESSION_LIFETIME = 3600 * 12
    REMEMBER_COOKIE_NAME = "shop_remember"
    PASSWORD_METHOD = "scrypt"
    MAINTENANCE = False
    PAGE_SIZE = 20
    UPLOAD_TYPES = ("pdf", "png", "txt")
    BROWSER_ORIGIN = "https://app.northwind.example"
    SSE_INTERVAL = 2.0
    WEBHOOK_SECRETS = {"carrier": "carrier-secret", "payments": "payments-secret", "stock": "stock-secret"}
    # Who an API call is for: a callable returning a tenant's slug, or None for a stranger.
    API_IDENTITY = staticmethod(session_or_key)
    RATELIMIT_ENABLED = True
    RATELIMIT_STORAGE_URI = "memory://"
    RATELIMIT_STRATEGY = "fixed-window"
    RATELIMIT_HEADERS_ENABLED = True
    RATELIMIT_DEFAULT = "5000 per hour"
    LOGIN_RATE = "5 per minute"
