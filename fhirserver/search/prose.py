"""What a person reads in a resource: its strings, its markdown and its narrative, as words.

Codes, identifiers, dates, numbers and addresses of the web are no prose: they have parameters of their own.
https://hl7.org/fhir/R5/search.html#content
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import regex

from fhirserver.resources import registry
from fhirserver.resources.registry import Release
from fhirserver.search import text

MOST_WORDS = 1_000
"""Different words of one resource that are indexed: the first ones."""

MOST_CHARACTERS = 100_000
"""Characters of one resource that are read."""

LONGEST = 40
"""Characters of a word; what is longer is cut."""

_PROSE = frozenset({"string", "markdown"})
_NO_PROSE = frozenset(
    {"id", "version", "versionAlgorithmString", "linkId", "expression", "path", "sliceName", "literal", "observedSeq"}
)
"""Elements of type string that hold something for programs."""

_NO_PROSE_OF = frozenset(
    {
        ("Identifier", "value"),
        ("ContactPoint", "value"),
        ("Reference", "reference"),
        ("Quantity", "unit"),
        ("Duration", "unit"),
        ("Age", "unit"),
        ("Count", "unit"),
        ("Distance", "unit"),
        ("SampledData", "data"),
    }
)

_INLINE = re.compile(r"</?(?:a|abbr|b|big|code|em|i|small|span|strong|sub|sup|tt|u)(?:\s[^>]*)?>", re.IGNORECASE)
_TAGS = re.compile(r"(?:<[^>]*>\s*)+")
_ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}"
_SIGN = regex.compile(rf"[{_ALONE}]")
_WORD = regex.compile(rf"[{_ALONE}]|[^\s{_ALONE}]+")
"""Scripts that are written without spaces have words of one sign: what is searched for is then a phrase."""


@dataclass(frozen=True, slots=True)
class Prose:
    """Different words in their order, and the texts they stand in: each ' words with a space on either side '.

    `cut` where there was more than the limits allow.
    """

    words: tuple[str, ...]
    lines: tuple[str, ...]
    cut: bool = False


def words(written: str) -> list[str]:
    """The words of a text, normalised."""
    normal = text.normalise(written)
    found: list[str] = normal.split() if normal.isascii() else _WORD.findall(normal)
    return found if len(normal) <= LONGEST else [word[:LONGEST] for word in found]


def alone(word: str) -> bool:
    """Whether a word is a sign of a script without spaces."""
    return len(word) == 1 and _SIGN.fullmatch(word) is not None


_COMMON = 120
"""Characters of a text that may well be met again: in the narrative of the same resource, in other resources."""


@lru_cache(8192)
def _known(written: str) -> tuple[list[str], str]:
    """The words of a short text, and the text they stand in; whoever gets them only reads."""
    found = words(written)
    return found, f" {' '.join(found)} "


def is_shown(type_: str, name: str) -> bool:
    """Whether a property of a type is surely read, wherever it stands."""
    return type_ in _PROSE and name not in _NO_PROSE and all(name != each for _, each in _NO_PROSE_OF)


def of(release: Release, type_: str, value: Any) -> Prose:
    """All that is read in a value of a FHIR type: a resource, or its narrative."""
    found: list[str] = []
    _gather(_plan(release, type_), value, release, found)
    return _read(found)


def narrative(value: Any) -> Prose:
    """What is read in a narrative."""
    return _read(_shown(value))


def _read(strings: Iterable[str]) -> Prose:
    found: dict[str, None] = {}
    lines: dict[str, None] = {}
    left = MOST_CHARACTERS
    for each in strings:
        size = len(each)
        left -= size
        if size <= _COMMON and left >= 0:
            line, shown = _known(each)
            if shown in lines:
                continue
        else:
            line, shown = words(each[: left + size] if left < 0 else each), None
        kept = line if len(found) + len(line) <= MOST_WORDS else _fitting(line, found)
        if kept:
            found.update(dict.fromkeys(kept))
            lines[shown if shown and kept is line else f" {' '.join(kept)} "] = None
        if left < 0 or len(kept) < len(line):
            return Prose(tuple(found), tuple(lines), cut=True)
    return Prose(tuple(found), tuple(lines))


def _fitting(line: list[str], found: dict[str, None]) -> list[str]:
    """As much of a text as there is room for."""
    new: set[str] = set()
    for number, word in enumerate(line):
        if word not in found and word not in new:
            if len(found) + len(new) == MOST_WORDS:
                return line[:number]
            new.add(word)
    return line


# -- where the strings are -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Plan:
    """The properties of a type that are prose or narrative, and those in which there may be some."""

    prose: frozenset[str]
    narrative: frozenset[str]
    below: dict[str, _Plan]
    resources: frozenset[str]


@cache
def _plan(release: Release, type_: str) -> _Plan:
    return _plans(release, type_, {})


def _plans(release: Release, type_: str, known: dict[str, _Plan]) -> _Plan:
    if type_ in known:
        return known[type_]
    structure = registry.structure(release, type_)
    prose, shown, resources = set(), set(), set()
    known[type_] = plan = _Plan(frozenset(), frozenset(), {}, frozenset())
    for name, element in structure.elements.items() if structure else ():
        if element.type in _PROSE:
            if name not in _NO_PROSE and (type_, name) not in _NO_PROSE_OF:
                prose.add(name)
        elif element.type == "Narrative":
            shown.add(name)
        elif element.type == "Resource":
            resources.add(name)
        elif not registry.is_primitive(release, element.type) and element.type != "Meta":
            plan.below[name] = _plans(release, element.type, known)
    plan.prose, plan.narrative, plan.resources = frozenset(prose), frozenset(shown), frozenset(resources)
    return plan


def _gather(plan: _Plan, value: dict[str, Any], release: Release, found: list[str]) -> None:
    below, prose = plan.below, plan.prose
    for name, inner in value.items():
        if name in prose:
            if type(inner) is str:
                found.append(inner)
            elif type(inner) is list:
                found += [each for each in inner if type(each) is str]
        elif name in below:
            next_ = below[name]
            for each in inner if type(inner) is list else (inner,):
                if type(each) is dict:
                    _gather(next_, each, release, found)
        elif name in plan.narrative:
            found += _shown(inner)
        elif name in plan.resources:
            for each in inner if type(inner) is list else (inner,):
                if type(each) is dict and type(each.get("resourceType")) is str:
                    _gather(_plan(release, each["resourceType"]), each, release, found)


def _shown(value: Any) -> tuple[str, ...]:
    """The text between the tags of a narrative, block by block."""
    div = value.get("div") if type(value) is dict else None
    return _blocks(div) if type(div) is str else ()


@lru_cache(16)
def _blocks(div: str) -> tuple[str, ...]:
    # A narrative is read twice: by itself, and as a part of its resource.
    return tuple(html.unescape(block) for block in _TAGS.split(_INLINE.sub("", div)) if block)
