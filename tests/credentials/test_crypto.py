"""What is our own about randomness and digests is what the standard library does the long way."""

from __future__ import annotations

import hmac
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_apiguard.crypto import Endings, Secrets, _Keyed, new_id

SECRETS = Secrets(b"0123456789abcdef0123456789abcdef")


@given(st.binary(min_size=32, max_size=200), st.binary(max_size=300))
def test_it_is_so_for_keys_of_any_length(key: bytes, data: bytes) -> None:
    assert _Keyed(key).hexdigest(data) == hmac.new(key, data, "sha256").hexdigest()


@given(st.text(max_size=40), st.text(st.characters(exclude_categories=()), max_size=300))
def test_a_digest_is_hmac_sha_256(purpose: str, text: str) -> None:
    expected = hmac.new(SECRETS.key("x" + purpose), text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()
    for _ in range(2):
        assert SECRETS.digest("x" + purpose, text) == expected


def test_no_ending_is_given_twice_however_many_threads_take_them() -> None:
    endings = Endings(14, 7, bytes.hex)
    with ThreadPoolExecutor(8) as pool:
        taken = [one for many in pool.map(lambda _: [endings.take() for _ in range(2000)], range(8)) for one in many]
    assert len(set(taken)) == len(taken) == 16_000
    assert {len(one) for one in taken} == {14}


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_draws_its_own() -> None:
    new_id("tok")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, "".join(new_id("tok")[-14:] for _ in range(100)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        theirs = told.read()
    os.waitpid(child, 0)
    ours = {new_id("tok")[-14:] for _ in range(300)}
    assert len(theirs) == 1400
    assert ours.isdisjoint(theirs[start : start + 14] for start in range(0, 1400, 14))
