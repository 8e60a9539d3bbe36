"""django-oauth-toolkit as a server of client credentials, set up as its documentation says, on SQLite as the others."""

from __future__ import annotations

import os
from typing import Any

CLIENT, SECRET = "sample-client", "sample-secret-sample-secret-sample-secret"
#: Its default hashes a client secret as a password is hashed: some 4 tokens per second. So plain ones as well.
HASHED, PLAIN = "hashed", "plain"


def toolkit(kind: str) -> Any:
    """The WSGI app; ``kind`` is whether the client secret is hashed (its default) or plain."""
    import django
    from django.conf import settings

    settings.configure(
        ALLOWED_HOSTS=["*"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": f"{os.environ['BENCHMARK_INSTANCE']}/toolkit-{kind}.db",
                "CONN_MAX_AGE": None,
                "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"},
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        OAUTH2_PROVIDER={"SCOPES": {"orders:write": "Create and change your orders"}},
        ROOT_URLCONF="benchmarks.toolkit",
        SECRET_KEY="only-for-a-benchmark",
        USE_TZ=True,
    )
    django.setup()
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    Application.objects.get_or_create(
        client_id=CLIENT,
        defaults={
            "client_secret": SECRET, "hash_client_secret": kind == HASHED, "name": "sample",
            "client_type": Application.CLIENT_CONFIDENTIAL,
            "authorization_grant_type": Application.GRANT_CLIENT_CREDENTIALS,
        },
    )  # fmt: skip
    return get_wsgi_application()


def __getattr__(name: str) -> Any:
    """Django reads its URLs from this module, once it is set up and its models can be imported."""
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.urls import path
    from oauth2_provider.views import TokenView

    return [path("oauth/token", TokenView.as_view())]
