"""The demo is a test, so that README and demo cannot rot."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
STORY = [sys.executable, "-m", "example_app.story"]
#: In this order: what is told, and with which status or exit status.
TOLD = [
    r"\[1/5\] environment",
    r"\[2/5\] store",
    r"\[3/5\] server",
    r"POST +/people +202",
    r"POST +/applications +422 .* without TLS",
    r"POST +/applications/\S+/sandbox +409",
    r"POST +/applications/\S+/sandbox +201 .* sandbox key at once",
    r"GET +/api/v1/orders\S+ +200 .* good call",
    r"POST +/api/v1/orders +422 ",
    r"POST +/api/v1/orders +400 .* twice",
    r"GET +/api/v1/reports/spending +403 ",
    r"GET +/explain/\S+ +200 ",
    r"POST +/api/v1/orders\b.* 429 ",
    r"Retry-After: \d",
    r"\[x\] A good call with reports:read",
    r"POST +/reviews/\S+/decisions +403 .* can't approve that herself",
    r"POST +/reviews/\S+/decisions +200 .* done",
    r"GET +/api/v1/orders\S+ +200 .* first production call",
    r"GET +/api/v1/orders\S+ +401 .* very next call",
    r"POST +/oauth/token +200 ",
    r"GET +/anomalies\S+ +200 ",
    r"GET +/api/v1/orders\S+ +401 .* any more",
    r"POST +/reviews/\S+/decisions +200 .* return",
    r"POST +/ledger/verification +200 ",
    r"\d+ entries verified",
    r"\$ flask apiguard audit verify +1 ",
    r"Entry \d+ was edited",
    r"The story is told",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both stories are told in one folder: the second finds what the first left."""
    return tmp_path_factory.mktemp("story")


@pytest.mark.slow
def test_the_story_is_told_to_its_end(folder: Path) -> None:
    command = [*STORY, "--exit", "--reset"]
    done = subprocess.run(command, cwd=ROOT, env=environment(folder), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\033" not in done.stdout, "plain where there is no terminal"
    place = 0
    for line in TOLD:
        found = re.compile(line).search(done.stdout, place)
        assert found is not None, f"{line} is not told after:\n{done.stdout[:place][-300:]}\n{done.stdout}"
        place = found.end()


@pytest.mark.slow
def test_a_second_story_leaves_the_app_up_with_a_key_that_works_until_ctrl_c(folder: Path) -> None:
    with subprocess.Popen(
        STORY, cwd=ROOT, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        told = ""
        try:
            while "Ctrl-C stops; " not in told:
                line = process.stdout.readline()
                assert line, told
                told += line
            header, url = re.findall(r'curl -i -H "Authorization: (.*?)" "(http://\S+)"', told)[0]
            with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": header})) as answer:
                assert answer.status == 200
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
    port = int(re.findall(r"http://127\.0\.0\.1:(\d+)", told)[0])
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), timeout=PATIENCE):
        pass


def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [*STORY, "--exit", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(
            command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, timeout=PATIENCE
        )
    assert done.returncode == 1
    assert "The demo can't begin" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def environment(folder: Path) -> dict[str, str]:
    """Plain, whatever the settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("APIGUARD_", "FLASK_"))}
    return {**kept, "EXAMPLE_DEMO": str(folder / "demo")}
