"""Parts of strings, found by three letters: a posting for each that the strings of a resource hold.

The last one of a string ends in a blank, so that two letters are the beginning of one wherever they stand. Of what is
looked for the rarest three are read, so that the cost goes with what they find and not with the store. Of strings of
several words each word has a posting, where the words of texts are not indexed. A string of more than a few lines is
not taken apart: its parameter has a posting that says there is one. https://hl7.org/fhir/R5/search.html#modifiercontains
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fhirserver.search import prose
from fhirserver.search.kinds import terms
from fhirserver.search.kinds.terms import Filter

GRAM = "|3"
WORD = ":word"
LONG = ":long|"
LONGEST = 200
"""Characters up to which a normalised string is taken apart."""

SHORTEST = 2
"""Characters from which on a part can be looked for."""

_RARITY = {letter: rank for rank, letter in enumerate(" eaitnorslhdcumgpbfkwyvzjxq0123456789")}


def postings(strings: Mapping[str, Sequence[Any]], codes: Sequence[str], *, words: bool) -> list[str]:
    """The postings of normalised strings by parameter, with those of their words if `words`.

    Those of three letters are the same whatever the parameter.
    """
    made: list[str] = []
    for code in codes:
        for each in strings[code]:
            if len(each) > LONGEST:
                made.append(code + LONG)
                continue
            ended = each + " "
            made += [f"{GRAM}|{ended[at : at + 3]}" for at in range(len(each) - 1)]
            if words and (found := prose.words(each)) != [each]:
                made += [f"{code}{WORD}|{word}" for word in found]
    return made


def holding(code: str, part: str) -> Filter | None:
    """What holds of every resource whose strings of a parameter hold a normalised part; None for a single letter."""
    if len(part) < SHORTEST:
        return None
    if len(part) < 3:
        return {"$or": [terms.beginning(GRAM, part), {"t": code + LONG}]}
    grams = (part[at : at + 3] for at in range(len(part) - 2))
    return {"t": {"$in": [f"{GRAM}|{max(grams, key=_rarity)}", code + LONG]}}


def saying(code: str, word: str, begins: bool) -> Filter:
    """What holds of every resource with a word in its strings of a parameter, or with one that begins so."""
    if begins:
        found = [terms.beginning(code, word), terms.beginning(code + WORD, word)]
        return {"$or": [*found, {"t": code + LONG}]}
    return {"t": {"$in": [f"{code}|{word}", f"{code}{WORD}|{word}", code + LONG]}}


def _rarity(gram: str) -> int:
    return sum(_RARITY.get(letter, 40) for letter in gram)
