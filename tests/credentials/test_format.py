"""The written form: whole or not ours or broken, nothing in between, and scanners find it."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flask_apiguard import crypto
from flask_apiguard.credentials.format import Format, Malformed, Parsed, Written, pattern
from flask_apiguard.crypto import ALPHABET, base62, new_id, random_text
from flask_apiguard.errors import ConfigurationError
from flask_apiguard.values import Environment

ACME = Format("acme")
BRANDS = st.from_regex(r"\A[a-z][a-z0-9]{1,19}\Z")


def every_form(format: Format) -> list[str]:
    keys = [format.make_key(environment).text for environment in Environment]
    return [*keys, format.make_client_secret().text, *map(format.make_token, (Written.ACCESS, Written.REFRESH))]


@given(BRANDS, st.sampled_from(Environment))
def test_a_new_key_reads_back(brand: str, environment: Environment) -> None:
    made = Format(brand).make_key(environment)
    parsed = Format(brand).parse(made.text)
    assert parsed is not None
    assert (parsed.written, parsed.environment) == (Written.KEY, environment)
    assert made.hint == f"{brand}_{environment}_{parsed.id}"
    assert re.fullmatch(rf"{brand}_{environment}_[0-9A-Za-z]{{12}}_[0-9A-Za-z]{{43}}_[0-9A-Za-z]{{6}}", made.text)
    assert len(made.text) <= 200


@given(st.integers(0, 2**300), st.integers(0, 60))
def test_a_number_in_base_62_reads_back_as_itself(number: int, width: int) -> None:
    text = base62(number, width)
    read = 0
    for character in text:
        read = read * 62 + ALPHABET.index(character)
    assert read == number
    assert len(text) == width or text[0] != "0"


def test_random_texts_and_ids_are_whole_use_every_character_and_ids_sort_by_time() -> None:
    texts = [random_text(43) for _ in range(500)]
    assert {len(text) for text in texts} == {43}
    assert set("".join(texts)) == set(ALPHABET)
    ids = [new_id("tok") for _ in range(500)]
    assert all(re.fullmatch("tok_[0-7][0-9a-hjkmnp-tv-z]{25}", one) for one in ids)
    assert [one[:16] for one in ids] == sorted(one[:16] for one in ids), "within a millisecond too"
    assert len(set(texts)) == len(set(ids)) == 500
    assert set("".join(one[-14:] for one in ids)) == set("0123456789abcdefghjkmnpqrstvwxyz")


@given(st.integers(0, 2**48 * 1000), st.sampled_from([1, 999, 1000, 2**20 * 1000 - 1, 2**20 * 1000]))
def test_ids_of_any_two_microseconds_sort_as_they_do(micros: int, later: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        made = []
        for moment in (micros + later, micros, micros + later):  # a clock that jumps back, too
            patch.setattr(crypto.time, "time_ns", lambda moment=moment: moment * 1000 + 7)
            made.append(new_id("tok")[:16])
    assert made[1] < made[0] == made[2]


def test_each_form_says_what_it_is() -> None:
    assert ACME.parse(ACME.make_token(Written.ACCESS)) == Parsed(Written.ACCESS)
    assert ACME.parse(ACME.make_token(Written.REFRESH)) == Parsed(Written.REFRESH)
    made = ACME.make_client_secret()
    assert ACME.parse(made.text) == Parsed(Written.CLIENT_SECRET, id=made.hint.rpartition("_")[2])


@given(st.text(max_size=300))
@example("acme_at_" + "a" * 5000)
@example("acme_production_\0")
@example("acme_production_" + "é" * 12 + "_" + "x" * 43 + "_000000")
@example("acme_at_\ud800")
def test_any_text_is_not_ours_or_malformed(text: str) -> None:
    try:
        assert ACME.parse(text) is None
    except Malformed:
        assert text.startswith(("acme_at_", "acme_cs_", "acme_rt_", "acme_sandbox_", "acme_production_"))


@given(st.sampled_from(every_form(ACME)), st.data())
def test_one_changed_character_is_found(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(len("acme_production_"), len(text) - 1))
    other = data.draw(
        st.sampled_from("0123456789abcdefABCDEF_-é\0 ").filter(lambda character: character != text[place])
    )
    with pytest.raises(Malformed):
        ACME.parse(text[:place] + other + text[place + 1 :])


@pytest.mark.parametrize("text", every_form(ACME), ids=["sandbox", "production", "secret", "access", "refresh"])
def test_cut_or_lengthened_is_found(text: str) -> None:
    for broken in (text[:-1], text + "0", text + "\n", text + text):
        with pytest.raises(Malformed):
            ACME.parse(broken)


def test_another_brand_is_not_ours() -> None:
    assert all(ACME.parse(text) is None for text in every_form(Format("acme2")))


@pytest.mark.parametrize("brand", ["", "a", "Acme", "1acme", "ac_me", "acmé", "a" * 21, "acme\n", "a.c"])
def test_a_brand_that_would_break_the_form_is_refused(brand: str) -> None:
    with pytest.raises(ConfigurationError, match="lower-case"):
        Format(brand)


def test_scanners_find_every_form_in_running_text_and_nothing_else() -> None:
    forms = every_form(ACME)
    text = (
        f'key="{forms[0]}"; curl -H "X-API-Key: {forms[1]}"\n({forms[2]}),{forms[3]} {forms[4]}. x{forms[0]} acme_at_x'
    )
    assert re.findall(pattern("acme"), text) == forms


def test_what_is_shown_leaves_256_bits_to_guess() -> None:
    for made in (ACME.make_key(Environment.PRODUCTION), ACME.make_client_secret()):
        rest = made.text.removeprefix(made.hint + "_").rpartition("_")[0]
        assert len(rest) == 43
        assert 62**43 > 2**256
    assert len({ACME.make_key(Environment.SANDBOX).text for _ in range(100)}) == 100
