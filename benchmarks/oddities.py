"""Requests to an authorization server: each begins as a good one of some kind, and is then spoilt in up to four ways.

What is generated follows from a seed and from what the server answered before: codes, tokens and hidden fields that
came back are sent again, so that requests get further than to the first refusal.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from html import unescape
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from flask_apiguard.crypto import base64url

from .drafts import Draft, Pairs, one_line
from .odd_words import HEADERS, METHODS, NAMES, SPOKEN, VALUES
from .races import ASK, DEVICE_GRANT, JWT_BEARER
from .served import CALLBACK, ISSUER, VERIFIER, Held, Said

KEPT = 50
_HIDDEN = re.compile(rb'name="([a-z_]+)" value="([^"]*)"')
_ACTION = re.compile(rb'action="([^"]+)"')
#: What a claim may be instead of what it should be.
ODD: tuple[Any, ...] = (None, 0, -1, 10**30, 1.5, True, [], {}, "", "x" * 300, [ISSUER], {"a": [1]}, "a.b")


class Oddities:
    """Makes requests. ``paths`` are those of the server; ``clients`` may be confidential or public."""

    def __init__(self, seed: str, paths: Sequence[str], clients: Sequence[Held]) -> None:
        self._random = Random(seed)
        self._paths = paths
        self._clients = clients
        self._known: dict[str, deque[str]] = {}
        self._forms: deque[tuple[str, Pairs, Pairs]] = deque(maxlen=KEPT)
        self._kinds: tuple[Callable[[Held], Draft], ...] = (
            self._token, self._code, self._refresh, self._asserted, self._device, self._poll, self._par, self._browser,
            self._pushed, self._page, self._answer, self._about, self._api, self._anything,
        )  # fmt: skip

    def next(self) -> Draft:
        """The next request."""
        draft = self._random.choice(self._kinds)(self._random.choice(self._clients))
        draft.headers.append(("X-Forwarded-For", f"192.0.2.{self._random.randrange(256)}"))
        for _ in range(self._random.choice((0, 0, 1, 1, 2, 3, 4))):
            self._random.choice(SPOILINGS)(self._random, draft, self)
        return draft

    def learn(self, said: Said, draft: Draft) -> None:
        """Keep what came back and can be sent again."""
        found: Pairs = parse_qsl(urlsplit(said.headers.get("location", "")).query)
        if said.headers.get("content-type", "").startswith("application/json") and said.body.startswith(b"{"):
            told = json.loads(said.body)
            found += [(name, value) for name, value in told.items() if isinstance(value, str)]
        else:
            found += [(name.decode(), value.decode("utf-8", "replace")) for name, value in _HIDDEN.findall(said.body)]
            action, cookies = _ACTION.search(said.body), [one for one in draft.headers if one[0] == "Cookie"]
            if action is not None and draft.method == "GET":
                fields = list(dict(found).items())  # of two buttons the last one
                self._forms.append((unescape(action[1].decode("utf-8", "replace")), fields, cookies))
        for name, value in found:
            for kept in {"access_token": ("token",), "refresh_token": ("refresh_token", "token")}.get(name, (name,)):
                self._known.setdefault(kept, deque(maxlen=KEPT)).append(value)

    def known(self, name: str) -> str:
        """Something that came back under this name before; something else when nothing did."""
        kept = self._known.get(name)
        return self._random.choice(kept) if kept else self._random.choice(VALUES)

    # -- good requests -------------------------------------------------------------------------------------------------

    def _posted(self, path: str, client: Held, **parameters: str) -> Draft:
        draft = Draft("POST", path, form=list(parameters.items()))
        way = self._random.randrange(4)
        if way < 2:
            draft.headers.append(("Authorization", client.basic))
        elif way == 2:
            draft.form += [("client_id", client.id), ("client_secret", client.secret)]
        else:
            draft.form.append(("client_id", client.id))
            draft.headers += [("X-SSL-Client-Cert", client.certificate)] * self._random.randrange(2)
        return draft

    def _user(self) -> tuple[str, str]:
        return "Cookie", f"user={self._random.choice(('alice', f'user{self._random.randrange(500)}'))}"

    def _token(self, client: Held) -> Draft:
        return self._posted("/oauth/token", client, grant_type="client_credentials", scope="orders:read")

    def _code(self, client: Held) -> Draft:
        return self._posted(
            "/oauth/token", client, grant_type="authorization_code", code=self.known("code"), redirect_uri=CALLBACK,
            code_verifier=VERIFIER,
        )  # fmt: skip

    def _refresh(self, client: Held) -> Draft:
        shown = self.known("refresh_token")
        return self._posted("/oauth/token", client, grant_type="refresh_token", refresh_token=shown)

    def _asserted(self, client: Held) -> Draft:
        now = int(time.time())
        claims = {"iss": client.id, "sub": client.id, "aud": ISSUER, "iat": now, "exp": now + 60, "nbf": now}
        parameters = {
            "client_assertion": self._signed({}, claims, client), "client_assertion_type": JWT_BEARER,
        }  # fmt: skip
        return Draft("POST", "/oauth/token", form=[("grant_type", "client_credentials"), *parameters.items()])

    def certificate(self) -> str:
        """Some client's certificate, or a part of it."""
        shown = self._random.choice(self._clients).certificate
        return shown[: self._random.choice((len(shown), self._random.randrange(len(shown) + 1)))]

    def proof(self, draft: Draft) -> str:
        """A proof of possession for a request (RFC 9449), of a client's own key."""
        client = self._random.choice(self._clients)
        claims: dict[str, Any] = {"htm": draft.method, "htu": ISSUER + draft.path, "iat": int(time.time())}
        shown = dict(draft.headers).get("Authorization", "").partition(" ")[2]
        if draft.path.startswith("/api"):
            claims["ath"] = base64url(hashlib.sha256(shown.encode("utf-8", "replace")).digest())
        header = {"typ": "dpop+jwt", "jwk": client.key.as_dict(private=False)}
        return self._signed(header, claims, client)

    def _signed(self, header: dict[str, Any], claims: dict[str, Any], client: Held) -> str:
        """A JWT of a client, half the time with something odd in it."""
        header, claims = {"alg": "ES256", **header}, {**claims, "jti": f"{self._random.getrandbits(64):x}"}
        if self._random.random() < 0.5:
            part = self._random.choice((claims, claims, header))
            part[self._random.choice([*part, "kid", "crit", "b64"])] = self._random.choice(ODD)
        body = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
        numbers = decode_dss_signature(client.key.private_key.sign(body.encode(), ec.ECDSA(SHA256())))
        return f"{body}.{base64url(b''.join(number.to_bytes(32, 'big') for number in numbers))}"

    def _device(self, client: Held) -> Draft:
        return self._posted("/oauth/device_authorization", client, scope="orders:read")

    def _poll(self, client: Held) -> Draft:
        code = self.known("device_code")
        return self._posted("/oauth/token", client, grant_type=DEVICE_GRANT, device_code=code)

    def _par(self, client: Held) -> Draft:
        return self._posted("/oauth/par", client, **ASK, state="s")

    def _browser(self, client: Held) -> Draft:
        return Draft("GET", "/oauth/authorize", [*ASK.items(), ("client_id", client.id)], headers=[self._user()])

    def _pushed(self, client: Held) -> Draft:
        named = [("client_id", client.id), ("request_uri", self.known("request_uri"))]
        return Draft("GET", "/oauth/authorize", named, headers=[self._user()])

    def _page(self, client: Held) -> Draft:
        path = self._random.choice(("/oauth/device", "/oauth/connections"))
        return Draft("GET", path, [("user_code", self.known("user_code"))], headers=[self._user()])

    def _answer(self, client: Held) -> Draft:
        if self._forms and self._random.random() < 0.8:
            path, fields, cookies = self._random.choice(self._forms)
            answer = ("answer", self._random.choice(("allow", "allow", "deny", "perhaps")))
            form = [one for one in fields if one[0] != "answer"] + [answer] * (path != "/oauth/device")
            return Draft("POST", path, form=form, headers=[*cookies, ("Origin", ISSUER)])
        path = self._random.choice(("/oauth/consent", "/oauth/device", "/oauth/connections"))
        named = {"request", "proof", "answer", "user_code", "client_id"} & {*self._known, "answer"}
        form = [(name, self.known(name)) for name in sorted(named)]
        return Draft("POST", path, form=form, headers=[self._user(), ("Origin", ISSUER)])

    def _about(self, client: Held) -> Draft:
        path = self._random.choice(("/oauth/introspect", "/oauth/revoke"))
        return self._posted(path, client, token=self.known("token"), token_type_hint="access_token")

    def _api(self, client: Held) -> Draft:
        scheme = self._random.choice(("Bearer", "DPoP"))
        return Draft("GET", "/api/orders", headers=[("Authorization", f"{scheme} {one_line(self.known('token'))}")])

    def _anything(self, client: Held) -> Draft:
        path = self._random.choice(self._paths)
        draft = self._posted(path, client) if self._random.random() < 0.5 else Draft("GET", path)
        target = draft.form if draft.method == "POST" else draft.query
        target += [(name, self.known(name)) for name in self._random.sample(NAMES, 3)]
        return draft


# -- spoiling ----------------------------------------------------------------------------------------------------------


def _parameters(random: Random, draft: Draft) -> Pairs:
    return draft.form if draft.form and random.random() < 0.8 else draft.query


def _add(random: Random, draft: Draft, made: Oddities) -> None:
    name = random.choice(NAMES)
    value = random.choice(VALUES) if random.random() < 0.6 else made.known(name)
    _parameters(random, draft).insert(0, (name, value))


def _drop(random: Random, draft: Draft, made: Oddities) -> None:
    pairs = _parameters(random, draft)
    if pairs:
        pairs.pop(random.randrange(len(pairs)))


def _replace(random: Random, draft: Draft, made: Oddities) -> None:
    pairs = _parameters(random, draft)
    if pairs:
        place = random.randrange(len(pairs))
        pairs[place] = (pairs[place][0], random.choice(VALUES))


def _repeat(random: Random, draft: Draft, made: Oddities) -> None:
    pairs = _parameters(random, draft)
    if pairs:
        pairs.append(random.choice(pairs))


def _move(random: Random, draft: Draft, made: Oddities) -> None:
    draft.query, draft.form = draft.form, draft.query


def _cut(random: Random, draft: Draft, made: Oddities) -> None:
    pairs = _parameters(random, draft)
    if pairs:
        name, value = pairs.pop()
        pairs.append((name, value[: random.randrange(len(value) + 1)]))


def _rename(random: Random, draft: Draft, made: Oddities) -> None:
    draft.method = random.choice(METHODS)


def _head(random: Random, draft: Draft, made: Oddities) -> None:
    draft.headers.append((random.choice(HEADERS), random.choice(SPOKEN)))


def _prove(random: Random, draft: Draft, made: Oddities) -> None:
    draft.headers.append(("DPoP", made.proof(draft)))


def _show(random: Random, draft: Draft, made: Oddities) -> None:
    draft.headers.append(("X-SSL-Client-Cert", made.certificate()))


def _lead(random: Random, draft: Draft, made: Oddities) -> None:
    odd = ("/", "//", "/..", "/%2e%2e", "%00", "%ff", ";x", "/" + "a" * 3000, "/é", "%", "%2f")
    draft.path = draft.path + random.choice(odd) if random.random() < 0.8 else random.choice(("*", "//x/y", "/."))


def _garble(random: Random, draft: Draft, made: Oddities) -> None:
    draft.body = random.choice((
        random.randbytes(random.randrange(300)), b"&" * 500, b"=", b"a=b&" * 100, b"a=%zz", b"a=%ff", b'{"a":1}',
        b"x" * 70_000,
    ))  # fmt: skip


def _frame(random: Random, draft: Draft, made: Oddities) -> None:
    draft.is_chunked = random.random() < 0.8
    draft.is_cut = not draft.is_chunked


SPOILINGS = (
    _add,
    _add,
    _drop,
    _replace,
    _replace,
    _repeat,
    _move,
    _cut,
    _rename,
    _head,
    _head,
    _prove,
    _show,
    _lead,
    _garble,
    _frame,
)
