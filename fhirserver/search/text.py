"""Strings as searches compare them: without case, accents, punctuation and surplus space.

https://hl7.org/fhir/R5/search.html#string
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from types import MappingProxyType

import regex

TERM = 100
"""Characters of a normalised string that a posting holds."""

SORT = 64
"""Characters of a string that a sort key holds."""

_ASCII = {code: " " if not chr(code).isalnum() else chr(code).lower() for code in range(128)}
_OTHER = regex.compile(r"[^\p{L}\p{M}\p{N}]+")

_STROKES = MappingProxyType(
    str.maketrans({"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe"})
)
"""Letters that Unicode's collation, but not its decomposition, takes for others with a mark."""


def normalise(text: str) -> str:
    """'Carreño-Quiñones' and 'carreno  quinones' are both 'carreno quinones'."""
    # Names, cities and displays come again and again; what is long seldom does.
    return _short(text) if len(text) <= SORT else _normalised(text)


def _normalised(text: str) -> str:
    words = text.translate(_ASCII).split()
    if text.isascii():
        return " ".join(words)
    return " ".join(found for word in words if (found := word if word.isascii() else _folded(word)))


@lru_cache(maxsize=8192)
def _folded(word: str) -> str:
    plain = _bare(_bare(word).casefold())
    # Folding may compose or leave marks of its own ('İ'): so that the result is a fixed point, marks go last.
    found: str = _OTHER.sub(" ", plain.translate(_STROKES))
    return found.strip()


def _bare(text: str) -> str:
    """Without the marks that combine with a letter; the vowel signs of Indic scripts are no such marks."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


_short = lru_cache(maxsize=8192)(_normalised)
