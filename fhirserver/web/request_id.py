"""The id of a request, by which a client's record of it and this server's logs are brought together.

https://hl7.org/fhir/R5/http.html#custom
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Sequence

REQUEST_ID = b"x-request-id"
CORRELATION_ID = b"x-correlation-id"
_SANE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,63}")
_PRINTABLE = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?")
_PROCESS = secrets.token_hex(8).encode()
_count = itertools.count(1)


def identified(given: Sequence[bytes]) -> tuple[bytes, bytes | None]:
    """The id of a request whose X-Request-Id headers are `given`, and the client's own where that was not taken.

    A client's id is taken when it is one, at most 64 characters of an id and no prose: it goes into the logs. One that
    is not is answered as X-Correlation-Id, as far as a header can carry it. An id of ours is a number of this process.
    """
    if not given:
        return b"%s-%x" % (_PROCESS, next(_count)), None
    if len(given) == 1 and _SANE.fullmatch(given[0]):
        return given[0], None
    client = given[0] if len(given) == 1 and _PRINTABLE.fullmatch(given[0]) else None
    return identified(())[0], client
