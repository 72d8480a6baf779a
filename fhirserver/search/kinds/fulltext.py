"""Full text: the words of a resource, of its narrative, of the narratives of its sections.

Postings: _content|word, and _content| alone for a resource of more words than are indexed; of a narrative code| alone,
for its words are those of the resource too. f[code] holds the texts the words stand in, each with a space on either
side, which phrases and narratives are looked at in. https://hl7.org/fhir/R5/search.html#content
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
from fhirserver.search.paths import Branch, Key, Where
from fhirserver.search.prose import Prose
from fhirserver.search.sink import Indexer, Sink

MODIFIERS = ()

_OF_PROSE = frozenset({"HumanName", "Address"})
"""Types whose strings are all prose."""


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


def covers(parameter: Parameter) -> bool:
    """Whether the words of a parameter's strings are among those of the resource."""
    read = parameter.branches and parameter.definition.view is None  # not from what another release makes of it
    return bool(read) and all(_is_prose(branch) for branch in parameter.branches)


def _is_prose(branch: Branch) -> bool:
    steps = branch.steps
    if not steps or not all(isinstance(step, Key | Where) for step in steps):
        return False
    last = steps[-1]
    return isinstance(last, Key) and (branch.type in _OF_PROSE or prose.is_shown(branch.type, last.name))


def read(release: Release, type_: str, value: Any) -> Prose:
    """What a value is searched by: a narrative, or all of a resource."""
    return prose.narrative(value) if type_ == "Narrative" else prose.of(release, type_, value)


def indexer(parameter: Parameter, type_: str) -> Indexer:
    """What indexes one value of a type."""
    code, release, prefix = parameter.code, parameter.release, f"{parameter.code}|"

    def index(value: Any, sink: Sink) -> None:
        found = read(release, type_, value)
        if not found.words:
            return
        # One posting tells that there are words at all.
        sink.t.append(prefix + (found.words[0] if code == CONTENT else ""))
        sink.f.setdefault(code, []).extend(found.lines)
        if code == CONTENT:
            sink.words += [prefix + word for word in found.words]
            if found.cut:
                sink.words.append(prefix)

    return index


# -- query -----------------------------------------------------------------------------------------------------------


def to_mongo(code: str, test: Test) -> Filter:
    """The filter of a test."""
    held = {f"f.{code}": {"$regex": re.escape(test.phrase)}}
    if code != CONTENT:
        return {"$and": [somewhere(test), held]}
    found = [_posting(test, place) for place in range(len(test.words))]
    return found[0] if len(found) == 1 else {"$and": [*found, held]}


def spans(code: str, test: Test) -> tuple[terms.Span, ...] | None:
    """The part of the postings that holds all that a test may find: of a phrase, that of its longest word."""
    return terms.spans(_posting(test, longest(test.words, test.begins)) if code == CONTENT else somewhere(test))


def longest(words: tuple[str, ...], begins: bool) -> int:
    """The place of the longest word that is whole, or of the only one."""
    whole = range(len(words) - (1 if begins and len(words) > 1 else 0))
    return max(whole, key=lambda place: len(words[place]))


def somewhere(test: Test) -> Filter:
    """Resources that may have the words in any of their texts."""
    found = _posting(test, longest(test.words, test.begins))
    if "$elemMatch" in found["t"]:
        return {"$or": [found, {"t": f"{CONTENT}|"}]}
    return {"t": {"$in": [found["t"], f"{CONTENT}|"]}}


def _posting(test: Test, place: int) -> Filter:
    word = test.words[place]
    if test.begins and place == len(test.words) - 1:
        return terms.beginning(CONTENT, word)
    return terms.term(CONTENT, word)


# -- match -----------------------------------------------------------------------------------------------------------


def matches(test: Test, type_: str, value: Any) -> bool:
    """Whether one value of a resource satisfies a test."""
    found = read(test.release, type_, value)
    return any(test.phrase in line for line in found.lines)
