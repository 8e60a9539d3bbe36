"""Revoked in one process, denied in all of them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from flask_apiguard.credentials import revoke
from flask_apiguard.errors import Denied
from tests.credentials.house import BY, House
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
PROCESSES, KEYS = 4, 5


def test_four_other_processes_deny_within_a_tenth_of_a_second(any_house: House) -> None:
    client = any_house.client()
    made = [any_house.key(client) for _ in range(KEYS)]
    command = [sys.executable, "-m", "tests.credentials.caller", any_house.url, *(secret for _, secret in made)]
    others = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    try:
        for other in others:
            assert other.stdout is not None
            assert other.stdout.readline() == "ready\n"
        late = []
        for place, (credential, secret) in enumerate(made):
            any_house.write(lambda tx, gone=credential.id: revoke(tx, BY, gone, "drill"))
            revoked = time.monotonic()
            with pytest.raises(Denied):
                any_house.identify(secret)
            for other in others:
                assert other.stdout is not None
                denied_place, let_in = other.stdout.readline().split()
                assert int(denied_place) == place
                late.append(float(let_in) - revoked)
        assert all(other.wait(PATIENCE) == 0 for other in others)
    finally:
        for other in others:
            other.kill()
            other.communicate()
    # On SQLite every call looks; on PostgreSQL it stands on a look that is younger than this.
    assert max(late) < (0.1 if any_house.store.dialect == "postgresql" else 0), late
