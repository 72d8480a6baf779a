"""Parts of strings, found by three letters: a posting for each that the strings of a resource hold.

Of what is looked for the rarest three are read, so that the cost goes with what they find and not with the store. A
string of more than a few lines is not taken apart: its parameter has a posting that says there is one.
https://hl7.org/fhir/R5/search.html#modifiercontains
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

GRAM = "|3|"
LONG = ":long|"
LONGEST = 200
"""Characters up to which a normalised string is taken apart."""

_RARITY = {letter: rank for rank, letter in enumerate(" eaitnorslhdcumgpbfkwyvzjxq0123456789")}


def postings(strings: Mapping[str, Sequence[Any]], codes: Sequence[str]) -> Iterator[str]:
    """The postings of normalised strings by parameter; several parameters may have the same."""
    for code in codes:
        for each in strings[code]:
            if len(each) > LONGEST:
                yield code + LONG
            else:
                for at in range(len(each) - 2):
                    yield GRAM + each[at : at + 3]


def readings(code: str, part: str) -> list[str] | None:
    """The postings of which every resource has one whose strings of a parameter hold a normalised part.

    None for a part of less than three characters.
    """
    if len(part) < 3:
        return None
    grams = (part[at : at + 3] for at in range(len(part) - 2))
    return [GRAM + max(grams, key=_rarity), code + LONG]


def _rarity(gram: str) -> int:
    return sum(_RARITY.get(letter, 40) for letter in gram)
