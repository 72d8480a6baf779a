"""Full text: the words of a resource or of its narrative.

Postings: code|word, and code| alone for a text of more words than are indexed. f[code] holds the texts the words stand
in, each with a space on either side, which phrases are looked for in. https://hl7.org/fhir/R5/search.html#content
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fhirserver.resources.registry import Release
from fhirserver.search import prose
from fhirserver.search.kinds import terms
from fhirserver.search.kinds.terms import Filter
from fhirserver.search.parameters import CONTENT, TEXTS, Parameter
from fhirserver.search.prose import Prose
from fhirserver.search.sink import Indexer, Sink

MODIFIERS = ()


@dataclass(frozen=True, slots=True)
class Words:
    """These words, normalised, next to one another; `begins` if the last of them may go on."""

    words: tuple[str, ...]
    begins: bool = False
    release: Release = "R5"

    @property
    def phrase(self) -> str:
        """The words as they stand in a text."""
        return f" {' '.join(self.words)}{'' if self.begins else ' '}"


Test = Words


def searches(parameter: Parameter) -> bool:
    """Whether a parameter is one of full text: all of a resource, its narrative, that of its sections."""
    return parameter.code in TEXTS or (parameter.kind == "special" and parameter.types == {"Narrative"})


def readings(word: str) -> list[str]:
    """The postings of which every resource has one that has a word in its texts, where those are indexed."""
    return [f"{CONTENT}|{word}", f"{CONTENT}|"]


def read(release: Release, type_: str, value: Any) -> Prose:
    """What a value is searched by: a narrative, or all of a resource."""
    return prose.narrative(value) if type_ == "Narrative" else prose.of(release, type_, value)


def indexer(parameter: Parameter, type_: str) -> Indexer:
    """What indexes one value of a type."""
    code, release, prefix = parameter.code, parameter.release, f"{parameter.code}|"

    def index(value: Any, sink: Sink) -> None:
        found = read(release, type_, value)
        if found.words:
            # The first of them tells that there are some.
            sink.t.append(prefix + found.words[0])
            sink.words += [prefix + word for word in found.words]
            sink.f.setdefault(code, []).extend(found.lines)
        if found.cut:
            # Of this resource the index does not know all words.
            sink.words.append(prefix)

    return index


# -- query -----------------------------------------------------------------------------------------------------------


def to_mongo(code: str, test: Test) -> Filter:
    """The filter of a test."""
    found = [_posting(code, test, place) for place in range(len(test.words))]
    if len(found) == 1:
        return found[0]
    return {"$and": [*found, {f"f.{code}": {"$regex": re.escape(test.phrase)}}]}


def spans(code: str, test: Test) -> tuple[terms.Span, ...] | None:
    """The part of the postings that holds all that a test may find: of a phrase, that of its longest word."""
    whole = range(len(test.words) - (1 if test.begins and len(test.words) > 1 else 0))
    return terms.spans(_posting(code, test, max(whole, key=lambda place: len(test.words[place]))))


def _posting(code: str, test: Test, place: int) -> Filter:
    word = test.words[place]
    if test.begins and place == len(test.words) - 1:
        return terms.beginning(code, word)
    return terms.term(code, word)


# -- match -----------------------------------------------------------------------------------------------------------


def matches(test: Test, type_: str, value: Any) -> bool:
    """Whether one value of a resource satisfies a test."""
    found = read(test.release, type_, value)
    return any(test.phrase in line for line in found.lines)
