""":text-advanced, words in what codes and references are shown as: their displays, as they stand in the postings.

Posting: code:text|display, normalised, its first hundred characters. The words may stand anywhere in it, so a search
reads all displays of the parameter; where the words of texts are indexed it reads those of the resources that have the
longest of its words. https://hl7.org/fhir/R5/search.html#modifiertextadvanced
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from fhirserver.search import text
from fhirserver.search.kinds import fulltext, reference, terms, token
from fhirserver.search.kinds.string import pattern
from fhirserver.search.kinds.terms import Filter

MODIFIER = "text-advanced"


@dataclass(frozen=True, slots=True)
class Shown:
    """A display with these words next to one another; `begins` if the last of them may go on.

    `quick` where the words of the type's texts are indexed.
    """

    of: Literal["token", "reference"]
    words: tuple[str, ...]
    begins: bool = False
    quick: bool = False


Test = Shown


def to_mongo(code: str, test: Test) -> Filter:
    """The filter of a test."""
    head = f"{code}:text"
    held = terms.present(head)["t"]["$elemMatch"] | {"$regex": _posting(head, test.words, test.begins)}
    found: Filter = {"t": {"$elemMatch": held}}
    whole = test.words[:-1] if test.begins else test.words
    if not test.quick or not whole:
        return found
    return {"$and": [{"t": {"$in": fulltext.readings(max(whole, key=len))}}, found]}


def sought(code: str, test: Shown) -> re.Pattern[str] | None:
    """What finds the postings of a test; None where words of texts narrow them down."""
    if test.quick and (len(test.words) > 1 or not test.begins):
        return None
    return re.compile(_posting(f"{code}:text", test.words, test.begins))


@lru_cache(maxsize=256)
def _posting(head: str, words: tuple[str, ...], begins: bool) -> str:
    """A pattern of literal words between the signs that may stand around them."""
    found = pattern(words, begins)
    start = "(?:^| )"
    inner = f"(?:.* )?{found[len(start) :]}" if found.startswith(start) else f".*{found}"
    return f"^{re.escape(head)}\\|{inner}"


@lru_cache(maxsize=256)
def _compiled(words: tuple[str, ...], begins: bool) -> re.Pattern[str]:
    return re.compile(pattern(words, begins))


def matches(test: Test, type_: str, value: Any) -> bool:
    """Whether one value of a resource satisfies a test."""
    shown = token.displays(type_, value) if test.of == "token" else reference.displays(type_, value)
    found = _compiled(test.words, test.begins)
    return any(found.search(text.normalise(each)[: text.TERM]) for each in shown if each)
