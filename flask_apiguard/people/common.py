"""Passwords that are tried first. To reach twelve characters people lengthen a word they know: that is refused too."""

from __future__ import annotations

import re

#: Tried by everybody who guesses. Anything that is only one or several of these, with figures around, is as weak.
_TRIED_FIRST = """
    abc abcd abcdef abcdefg abcdefgh access account admin administrator adminadmin alexander amanda america andrea
    andrew angel angels anthony apiguard apple april arsenal ashley asdf asdfasdf asdfgh asdfghjkl august austin autumn
    azerty backup badboy bailey banana barcelona baseball basketball batman beautiful benjamin blessed blink brandon
    brandy buster butterfly camaro change changeit changeme charlie cheese chelsea chicken chocolate chris christian
    company computer cookie correcthorsebatterystaple cowboy dallas daniel database david december default demo diamond
    dolphin donald dragon eagle elephant eminem enter example family february flask flower football forever foobar
    freedom friday friend friends fuckyou gateway george ginger google guest hallo hannah hardcore harley hello heslo
    hockey hottie house hunter iceman iloveu iloveyou internet jackson january jasmine jennifer jessica jesus jordan
    joshua july june justin killer king kingdom lakers laptop letmein letmeinnow liverpool login london lovely loveme
    lovelove madison maggie manager manchester march marina martin master matrix matthew maverick melissa mercedes
    merlin michael michelle mickey monday money monkey motdepasse mustang mypassword naruto natasha newpassword nicole
    november october office oliver operator orange owner pass passord passw passwd passwort password passwordpassword
    passphrase peanut pepper phoenix player please pokemon portal princess private public purple qazwsx qazwsxedc qwer
    qwert qwerty qwertyqwerty qwertyui qwertyuiop qwertz qwertzuiop rachel rainbow ranger robert root samantha samsung
    sandbox saturday secret secure security senha september server service shadow silver simple snoopy soccer spiderman
    spring starwars steelers summer sunday sunflower sunshine super superman superuser support system taylor temp
    temppass tennis test testing testtest thisisapassword thomas thursday tigger trustno tuesday user username
    victoria wednesday welcome welcometo whatever william winner winter wizard yankees zaq zxcvbn zxcvbnm
"""
WORDS = frozenset(_TRIED_FIRST.split())
_LEET = str.maketrans("013457@$!", "oieastasi")
_RUNS = ("01234567890123456789", "98765432109876543210", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")


def too_common(password: str) -> bool:
    """Whether a guesser would have this among the first: a known word lengthened, a repetition, a run of keys.

    Looks at each character a bounded number of times.
    """
    low = password.casefold()
    if _repeats(low) or any(low in run for run in _RUNS):
        return True
    for form in (low, low.translate(_LEET)):
        if _only_words(re.sub(r"[\W\d_]+", " ", form).split()):
            return True
    # "Password2024!" read as leet loses its figures to letters, so the figures at the ends go first.
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", low)
    return core.translate(_LEET) in WORDS or core == ""


def _only_words(words: list[str]) -> bool:
    return not words or (len(words) <= 4 and all(word in WORDS or len(word) < 3 for word in words))


def _repeats(text: str) -> bool:
    """Whether the text is one unit of at most six characters over and over."""
    return any(text == (text[:size] * (len(text) // size + 1))[: len(text)] for size in range(1, 7))
