"""What Alembic runs for this history."""

from flask_apiguard.migrations import run

run()
