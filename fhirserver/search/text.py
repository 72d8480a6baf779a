"""Strings as searches compare them: without case, accents, punctuation and surplus space.

https://hl7.org/fhir/R5/search.html#string
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

TERM = 100
"""Characters of a normalised string that a posting holds."""

SORT = 64
"""Characters of a string that a sort key holds."""

_ASCII = {code: " " if not chr(code).isalnum() else chr(code).lower() for code in range(128)}
_OTHER = re.compile(r"[\W_]+")


def normalise(text: str) -> str:
    """'Carreño-Quiñones' and 'carreno  quinones' are both 'carreno quinones'."""
    # Names, cities and displays come again and again; what is long seldom does.
    return _short(text) if len(text) <= SORT else _normalised(text)


def _normalised(text: str) -> str:
    if text.isascii():
        return " ".join(text.translate(_ASCII).split())
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).casefold()
    # Folding may compose or leave marks of its own ('İ'): once more, so that the result is a fixed point.
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return _OTHER.sub(" ", plain).strip()


_short = lru_cache(maxsize=8192)(_normalised)
