"""gzip on the way in and out: bodies are unpacked as they arrive, within the limit; answers packed for who asks.

https://hl7.org/fhir/R5/http.html#mime-type, https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import Literal

from fhirserver.errors import Malformed, UnsupportedMediaType
from fhirserver.web.formats import media

WORTH = 1400
"""Bytes from which packing pays: less goes into one packet of the network as it is."""
LEVEL = 1
"""The cheapest level: half the time of the usual one, for a tenth more bytes."""

LARGE = 50_000
"""Bytes from which a body is converted or packed off the event loop, so that others are served meanwhile."""

Coding = Literal["gzip", "deflate"]
_GZIP = zlib.MAX_WBITS | 16
_WINDOW: dict[Coding, int] = {"gzip": _GZIP, "deflate": zlib.MAX_WBITS}


@lru_cache(256)
def wants_gzip(header: str) -> bool:
    """Whether Accept-Encoding prefers gzip to nothing."""
    weights = {each.kind: each.quality for each in map(media, header.split(","))}
    packed = max((weights[name] for name in ("gzip", "x-gzip") if name in weights), default=weights.get("*", 0.0))
    return packed > 0 and packed >= weights.get("identity", 0.0)


def packed(body: bytes) -> bytes:
    """The body as gzip."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
    return packer.compress(body) + packer.flush()


class Unpacker:
    """Unpacks one body bit by bit."""

    def __init__(self, coding: Coding) -> None:
        self._coding = coding
        self._decoder = zlib.decompressobj(_WINDOW[coding])
        self._begun = False

    def feed(self, data: bytes, room: int) -> bytes:
        """What more of the body gives; of what would be more than `room` bytes one byte too many. Malformed."""
        found: list[bytes] = []
        while data and room >= 0:
            if self._decoder.eof:
                # Several gzip files in one are one.
                self._decoder = zlib.decompressobj(_WINDOW[self._coding])
            self._begun = True
            try:
                piece = self._decoder.decompress(data, room + 1)
            except zlib.error:
                raise Malformed(f"The body is no {self._coding}, as Content-Encoding says it is.") from None
            found.append(piece)
            room -= len(piece)
            data = self._decoder.unconsumed_tail or self._decoder.unused_data
        return b"".join(found)

    def finish(self) -> None:
        """Refuses a body that ends too early."""
        if self._begun and not self._decoder.eof:
            raise Malformed(f"The body's {self._coding} ends too early: it did not arrive whole.")


def unpacker(header: str | None) -> Unpacker | None:
    """By Content-Encoding; None where nothing is packed, UnsupportedMediaType where it is by something else."""
    match (header or "identity").strip().lower():
        case "identity":
            return None
        case "gzip" | "x-gzip":
            return Unpacker("gzip")
        case "deflate":
            return Unpacker("deflate")
        case other:
            raise UnsupportedMediaType(
                f"A body encoded as '{other[:32]}' is not read here: send it as gzip, or as it is.",
                expression="Content-Encoding",
                headers={"Accept-Encoding": "gzip, deflate"},
            )
