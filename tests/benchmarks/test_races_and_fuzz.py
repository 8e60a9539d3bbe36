"""What is counted in 100,000 races and 200,000 odd requests by command is counted here in a few, and seen to count."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest
from joserfc import jwk

from benchmarks import fuzz, odd_words, races, survivors
from benchmarks.drafts import Draft
from benchmarks.oddities import SPOILINGS, Oddities
from benchmarks.served import Connection, Held, Said

from .test_benchmarks import rows_of, said

CLIENTS = [Held("cli_1", "secret", jwk.ECKey.generate_key("P-256"))]
PATHS = ["/oauth/token", "/oauth/authorize"]


def answer(status: int, **members: str) -> Said:
    return Said(status, {"content-type": "application/json"}, json.dumps(members).encode())


@pytest.mark.slow
def test_of_32_at_once_one_gets_what_is_good_for_one_time_on_each_store() -> None:
    rows = rows_of(said("benchmarks.races", "--tries", "160", "--ends", "5"))
    for store in ("SQLite", "PostgreSQL"):
        for kind in races.KINDS:
            assert rows[f"{store}, {kind}"][:5] == ["32", "1", "0", "0", "0"]
        for end in survivors.ENDS:
            assert (rows[f"{store}, {end}"][0], *rows[f"{store}, {end}"][2:4]) == ("5", "0", "0")


@pytest.mark.slow
@pytest.mark.sqlite
def test_odd_requests_are_answered_and_never_with_5xx() -> None:
    told = said("benchmarks.fuzz", "--requests", "400")
    assert "an answer to each" in told, told
    rows = rows_of(told)
    assert sum(int(row[0]) for name, row in rows.items() if name.startswith("SQLite, ")) > 390
    for path in ("token", "authorize", "consent", "device", "par", "introspect", "revoke"):
        assert int(rows[f"SQLite, /oauth/{path}"][0]) > 0, path


def test_what_was_spent_twice_or_by_nobody_or_failed_is_a_fault() -> None:
    count = races.Count()
    for answers in ([answer(200), answer(400)], [answer(200), answer(200)], [answer(400)], [answer(200), answer(500)]):
        count.add(races.issued(answers), answers)
    assert (count.twice, count.nobody, count.failed, count.faults) == (1, 1, 1, 3)
    same, other = answer(200, refresh_token="a"), answer(200, refresh_token="b")
    assert (races.successors([same, same]), races.successors([same, other])) == (1, 2)
    back = Said(302, {"location": "https://app.example/cb?code=x"}, b"")
    assert races.sent_back([back, back, Said(302, {"location": "https://app.example/cb?error=y"}, b"")]) == 2


def test_what_outlived_its_end_or_failed_is_a_fault() -> None:
    found = survivors.Survival()
    for one, lives in ((answer(200), True), (answer(200), False), (answer(400), True), (answer(500), True)):
        found.add(one, lambda _, lives=lives: lives)
    assert (found.rounds, found.issued, found.survived, found.failed, found.faults) == (4, 2, 1, 1, 2)


def test_the_same_seed_makes_the_same_requests() -> None:
    def shape(seed: str) -> list[object]:
        made = Oddities(seed, PATHS, CLIENTS)
        drafts = [made.next() for _ in range(200)]
        return [(one.method, one.path, [name for name, _ in (*one.query, *one.form, *one.headers)]) for one in drafts]

    assert shape("a") == shape("a") != shape("b"), "apart from signatures and times"


def test_every_way_of_spoiling_leaves_something_that_can_be_sent() -> None:
    made = Oddities("seed", PATHS, CLIENTS)
    for number in range(2000):
        draft = made.next()
        for spoil in SPOILINGS:
            spoil(made._random, draft, made)
        head = draft.as_bytes().partition(b"\r\n\r\n")[0]
        assert head.count(b"\r\n") <= 60, number
        assert b"\x00" not in head


def test_what_came_back_is_sent_again() -> None:
    made = Oddities("seed", PATHS, CLIENTS)
    made.learn(answer(200, access_token="a-token"), Draft("POST", "/oauth/token"))
    made.learn(Said(302, {"location": "https://app.example/cb?code=a-code"}, b""), Draft("GET", "/oauth/authorize"))
    page = b'<form action="/oauth/consent"><input type="hidden" name="request" value="asked">'
    made.learn(Said(200, {"content-type": "text/html"}, page), Draft("GET", "/", headers=[("Cookie", "user=u")]))
    sent = b"".join(made.next().as_bytes() for _ in range(2000))
    assert all(word in sent for word in (b"a-token", b"a-code", b"request=asked"))


class Broken(http.server.BaseHTTPRequestHandler):
    """Answers 500, or hangs up."""

    def do_GET(self) -> None:
        if self.path == "/500":
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def broken() -> Iterator[Connection]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Broken)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connection = Connection("127.0.0.1", server.server_port)
    yield connection
    connection.close()
    server.shutdown()
    server.server_close()


def test_a_5xx_and_a_closed_connection_are_faults_and_shown_as_they_were_sent(broken: Connection) -> None:
    tally = fuzz.Tally()
    for path in ("/500", "/nothing"):
        draft = Draft("GET", path)
        tally.add(path, fuzz.answered(broken, draft, draft.as_bytes()), 0.1, draft.as_bytes())
    assert tally.faults == 2
    assert [what.split(" after")[0] for what, _ in tally.shown] == ["500", "no answer"]
    assert tally.shown[0][1].startswith(b"GET /500 HTTP/1.1\r\n")
    joined = fuzz.Tally()
    joined.join(tally)
    joined.join(tally)
    assert joined.faults == 4
    assert next(row[1:] for row in joined.rows("X"))[:5] == ("2", "0", "0", "0", "2")


def test_every_parameter_that_is_read_is_among_the_names() -> None:
    import re
    from pathlib import Path

    import flask_apiguard.oauth as room

    text = "".join(path.read_text() for path in Path(room.__path__[0]).glob("*.py"))
    read = set(re.findall(r'(?:form|parameters)\.(?:get|need)\("(\w+)"\)', text))
    assert len(read) > 10
    assert read <= set(odd_words.NAMES)
