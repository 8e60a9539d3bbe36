"""Real servers for the tests: PostgreSQL, Valkey, nginx, gunicorn, and Flask apps on real sockets.

Each comes from the first of: the URL in `APIGUARD_TEST_POSTGRES_URL` or `APIGUARD_TEST_VALKEY_URL`; the server's
program on PATH; the wheel of requirements/servers.txt. Where there is none, the test skips and says why; a server named
in `APIGUARD_TEST_REQUIRE` (comma-separated: postgres,valkey,nginx,node) fails the test instead.

Every worker of a parallel run starts its own, on demand, in its own folder.
"""
