"""What an answer of our own says whatever the host's hooks make of it."""

from __future__ import annotations

from werkzeug.wrappers import Response

from .admission import current_admission

Headers = tuple[tuple[str, str], ...]
#: A browser takes none for another kind than it is (Fetch, section 3.6).
UNGUESSED: Headers = (("X-Content-Type-Options", "nosniff"),)


def insist(response: Response, said: Headers) -> Response:
    """Say this, for the host's hooks to see, and have it said last, whatever they changed.

    For what our answers rest on: who may read, keep or frame them. Of how long our public documents are kept a host may
    say less.
    """
    headers = response.headers
    for name, value in said:
        headers[name] = value
    admission = current_admission()
    if admission is not None:
        admission.last_word = said
    return response
