"""The words for a code: its display in a language, its designations, and those that supplements add.

https://hl7.org/fhir/R5/codesystem.html#designations, https://www.rfc-editor.org/rfc/rfc4647#section-3.4
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fhirserver.terminology.codesystem import CodeSystem
from fhirserver.terminology.members import Entry

Designation = Mapping[str, Any]

_SHOWN = frozenset({"display", "preferredForLanguage", "preferred"})
"""Codes of designation.use for words that stand for the display."""


def designations(entry: Entry, supplements: Iterable[CodeSystem] = ()) -> list[Designation]:
    """Those that the value set gives, then those of the code system and of supplements, each once."""
    found = list(entry.row.get("designation", ()))
    if entry.concept is not None and entry.row is not entry.concept.row:
        found += entry.concept.row.get("designation", ())
    for supplement in supplements:
        concept = supplement.find(entry.code)
        if concept is not None:
            found += concept.row.get("designation", ())
            if concept.display and supplement.language:
                found.append({"language": supplement.language, "value": concept.display})
    return [each for at, each in enumerate(found) if isinstance(each.get("value"), str) and each not in found[:at]]


def display(entry: Entry, language: str | None = None, supplements: Sequence[CodeSystem] = ()) -> str | None:
    """What to show for a code: in the language that is asked for if there are such words, else as it is displayed."""
    given = entry.row.get("display")
    own = given if isinstance(given, str) else entry.concept.display if entry.concept is not None else None
    if language is None:
        return own
    spoken = entry.system.language if entry.system is not None else None
    if spoken is not None and fits(language, spoken) == 2:
        return own
    ranked = [(fits(language, each.get("language")), _stands(each), each) for each in designations(entry, supplements)]
    best = max((row[:2] for row in ranked), default=(0, False))
    if best[0] <= (fits(language, spoken) if own is not None else 0):
        return own
    return str(next(each for fit, stands, each in ranked if (fit, stands) == best)["value"])


def fits(asked: str, spoken: Any) -> int:
    """2 where words are in the language that is asked for, 1 where in one near it ('de' and 'de-CH'), else 0."""
    if not isinstance(spoken, str):
        return 0
    one, other = asked.casefold(), spoken.casefold()
    if one == other:
        return 2
    return 1 if one.split("-", 1)[0] == other.split("-", 1)[0] else 0


def _stands(designation: Designation) -> bool:
    use = designation.get("use")
    return not use or use.get("code") in _SHOWN


def spellings(entry: Entry, supplements: Iterable[CodeSystem] = ()) -> list[str]:
    """All words for a code, its display first."""
    own = [entry.row.get("display"), entry.concept.display if entry.concept is not None else None]
    rows = designations(entry, supplements)
    texts = [*own, *(each["value"] for each in rows)]
    return list(dict.fromkeys(text for text in texts if text))


def plain(text: str) -> str:
    """Text as it compares with other words: without case, marks and surplus space."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(bare.casefold().split())


def begins(words: Sequence[str], texts: Iterable[str]) -> bool:
    """Whether each of `words` begins a word of the texts; all as `plain` makes them."""
    there = [word for text in texts for word in _split(text)]
    return all(any(each.startswith(word) for each in there) for word in words)


def _split(text: str) -> list[str]:
    """The words of a text, and what stands between blanks as a whole, for codes have signs in them."""
    blank = plain(text)
    return [*blank.split(), *"".join(c if c.isalnum() else " " for c in blank).split()]
