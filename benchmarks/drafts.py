"""A request as parts that can be spoilt one by one, before it is bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote_plus

from .served import FORM

Pairs = list[tuple[str, str]]


@dataclass
class Draft:
    """A request before it is bytes."""

    method: str
    path: str
    query: Pairs = field(default_factory=list)
    form: Pairs = field(default_factory=list)
    headers: Pairs = field(default_factory=list)
    body: bytes | None = None
    #: Fewer bytes come than are announced, and then the end.
    is_cut: bool = False
    is_chunked: bool = False

    def as_bytes(self) -> bytes:
        """As it goes out."""
        query = f"?{_written(self.query)}" if self.query else ""
        body = self.body if self.body is not None else _written(self.form).encode("utf-8", "surrogatepass")
        lines = [f"{self.method} {self.path}{query} HTTP/1.1"]
        names = {name.lower() for name, _ in self.headers}
        lines += [] if "host" in names else ["Host: issuer.example"]
        if self.is_chunked:
            lines.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        elif body or self.method == "POST":
            lines += [] if "content-type" in names else [f"Content-Type: {FORM}"]
            lines.append(f"Content-Length: {len(body) + (5 if self.is_cut else 0)}")
        lines += [f"{name}: {one_line(value)}" for name, value in self.headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body


def _written(pairs: Pairs) -> str:
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)


def _quoted(text: str) -> str:
    return quote_plus(text.encode("utf-8", "surrogatepass"))


def one_line(value: str) -> str:
    """A value as it may stand in a header."""
    return value.replace("\r", " ").replace("\n", " ").replace("\x00", " ")
