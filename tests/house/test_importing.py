"""What an import brings along, and what waits until it is wanted."""

from __future__ import annotations

import subprocess
import sys


def imported_by(code: str) -> set[str]:
    """The modules of a fresh process that ran this, by three names at most."""
    said = "import sys; " + code + "; print(*{'.'.join(name.split('.')[:3]) for name in sys.modules})"
    return set(subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout.split())


def test_a_module_that_only_decorates_views_imports_no_database_and_no_room() -> None:
    found = imported_by("from flask_apiguard import APIGuard, HostUser, accepts, alembic_include_object, require")
    rooms = ("house", "db", "access", "credentials", "onboarding", "people", "quotas")
    assert not {"sqlalchemy", "cryptography", "argon2", *(f"flask_apiguard.{room}" for room in rooms)} & found


def test_a_guard_imports_neither_the_store_that_it_does_not_use_nor_what_only_some_need() -> None:
    found = imported_by("import flask, flask_apiguard; flask_apiguard.APIGuard(flask.Flask('a'))")
    assert "sqlalchemy" in found
    unwanted = {
        "sqlalchemy.dialects.postgresql",
        "psycopg",
        "redis",
        "alembic",
        "authlib",
        "flask_limiter",
        "http.client",
    }
    assert not unwanted & (found - imported_by("import flask, sqlalchemy"))
