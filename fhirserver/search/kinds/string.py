"""Strings, names and addresses.

Posting: code|normalised, its first hundred characters, and code:part|normalised from each further word of a family name
on; the whole normalised strings stand in f[code], and in f[code:exact] the strings as they were written.
https://hl7.org/fhir/R5/search.html#string
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import Any, Literal

from fhirserver.errors import BadRequest
from fhirserver.search import escapes, infix, prose, text
from fhirserver.search.kinds import fulltext, terms
from fhirserver.search.kinds.terms import Filter
from fhirserver.search.parameters import Parameter
from fhirserver.search.sink import Indexer, Sink

MODIFIERS = ("exact", "contains", "text")
EXACT = 200
"""Characters up to which a string is kept as written; of a longer one a hash is."""

_PART = ":part"


@dataclass(frozen=True, slots=True)
class Starts:
    """A string that begins so, or (`parts`) a family name with a word that does; normalised."""

    text: str
    parts: bool = False


@dataclass(frozen=True, slots=True)
class Contains:
    """A string that holds this somewhere; normalised. `quick` where the type's strings are indexed by their parts.

    `among` are the postings of the strings that may, where they were sought.
    """

    text: str
    quick: bool = False
    among: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Says:
    """:text, a string with these words next to one another; `begins` if the last of them may go on.

    `read` says what the type is indexed by that has the words too: those of its texts, those of the parameter's
    strings, or their parts; `among` as of `Contains`.
    """

    words: tuple[str, ...]
    begins: bool = False
    read: Literal["texts", "words", "parts"] | None = None
    among: tuple[str, ...] | None = None


def pattern(words: Sequence[str], begins: bool) -> str:
    """What finds words in a normalised string. Signs that are words of their own have nothing between them."""
    found = re.escape(words[0])
    for before, word in pairwise(words):
        found += (" ?" if prose.alone(before) or prose.alone(word) else " ") + re.escape(word)
    start = "" if prose.alone(words[0]) else "(?:^| )"
    end = "" if begins or prose.alone(words[-1]) else "(?: |$)"
    return start + found + end


@dataclass(frozen=True, slots=True)
class Exact:
    """A string that is this, letter by letter."""

    text: str


Test = Starts | Contains | Says | Exact


def parse(parameter: Parameter, modifier: str | None, value: str, given: str) -> Test:
    """The test of one value; the expressions of ':text' are taken apart by search/wording.py."""
    written = escapes.plain(value, given)
    if modifier == "exact":
        return Exact(written)
    normal = text.normalise(written)
    if not normal:
        raise BadRequest(f"'{value}' has no letter or digit: search for it with ':exact'.", expression=given)
    if modifier == "contains":
        return Contains(normal)
    return Starts(normal, named(parameter) and len(normal) <= text.TERM)


def named(parameter: Parameter) -> bool:
    """Whether a parameter finds family names, of which each word may be the first that comes to mind."""
    return "HumanName" in parameter.types or parameter.called == "family"


def strings(type_: str, value: Any) -> Iterator[str]:
    """The strings that a value is searched by."""
    if isinstance(value, str):
        yield value
        return
    if not isinstance(value, dict):
        return
    match type_:
        case "HumanName":
            keys: tuple[str, ...] = ("family", "given", "prefix", "suffix", "text")
        case "Address":
            keys = ("line", "city", "district", "state", "postalCode", "country", "text")
        case "CodeableConcept" | "Annotation":
            keys = ("text",)
        case "Identifier" | "ContactPoint":
            keys = ("value",)
        case "Coding" | "Reference":
            keys = ("display",)
        case "Extension":
            keys = tuple(key for key in value if key.startswith("value"))
        case _:
            keys = ()
    for key in keys:
        found = value.get(key)
        for each in found if isinstance(found, list) else (found,):
            if isinstance(each, str):
                yield each


def _parts(type_: str, value: Any) -> Iterator[str]:
    """Family names, normalised, from each further word on: 'quinones' of 'carreno quinones'."""
    found = value.get("family") if isinstance(value, dict) else value
    if isinstance(found, str):
        words = text.normalise(found).split(" ")
        for at in range(1, len(words)):
            yield " ".join(words[at:])


def suffixes(parameter: Parameter, type_: str, value: Any) -> list[str]:
    """The ends of the postings of a value."""
    return [text.normalise(each)[: text.TERM] for each in strings(type_, value)]


def indexer(parameter: Parameter, type_: str) -> Indexer:
    """What indexes one value of a type."""
    code, exact, prefix = parameter.code, whole(parameter.code), f"{parameter.code}|"
    part = f"{parameter.code}{_PART}|"

    def one(each: str, sink: Sink) -> None:
        normal = text.normalise(each)
        sink.t.append(prefix + normal[: text.TERM])
        full = sink.f
        if code in full:
            full[code].append(normal)
            full[exact].append(_kept(each))
        else:
            full[code] = [normal]
            full[exact] = [_kept(each)]
        sink.sort(code, normal[: text.SORT])

    def many(value: Any, sink: Sink) -> None:
        for each in strings(type_, value):
            one(each, sink)

    def family(value: Any, sink: Sink) -> None:
        many(value, sink)
        for each in _parts(type_, value):
            sink.t.append(part + each[: text.TERM])

    if named(parameter):
        return family
    return one if type_ in ("string", "markdown") else many


def whole(code: str) -> str:
    """Where the strings of a parameter stand as they were written."""
    return f"{code}:exact"


def _kept(written: str) -> str:
    if len(written) <= EXACT:
        return written
    return f"{written[:100]}#{sha256(written.encode('utf-8', 'surrogatepass')).hexdigest()}"


def to_mongo(code: str, test: Test) -> Filter:
    """The filter of a test; a field name is the parameter's own code, never the client's text."""
    match test:
        case Starts(start, parts):
            found = _beginning(code, start, parts)
            if len(start) <= text.TERM:
                return found
            return {"$and": [found, {f"f.{code}": {"$regex": "^" + re.escape(start)}}]}
        case Contains() | Says():
            return _held(code, test)
        case Exact(written):
            normal = text.normalise(written)[: text.TERM]
            return {"$and": [terms.term(code, normal), {f"f.{whole(code)}": _kept(written)}]}


def spans(code: str, test: Test) -> tuple[terms.Span, ...] | None:
    """The parts of the postings that hold all that a test may find; None where none do."""
    match test:
        case Starts(start, parts):
            return terms.spans(_beginning(code, start, parts))
        case Contains() | Says():
            read = reading(code, test)
            return terms.spans(read) if read else None
        case Exact(written):
            return terms.spans(terms.term(code, text.normalise(written)[: text.TERM]))


def _beginning(code: str, start: str, parts: bool) -> Filter:
    found = terms.beginning(code, start[: text.TERM])
    return {"$or": [found, terms.beginning(code + _PART, start[: text.TERM])]} if parts else found


def _held(code: str, test: Contains | Says) -> Filter:
    found = {f"f.{code}": {"$regex": _pattern(test)}}
    read = reading(code, test)
    return {"$and": [read, found]} if read else found


def _pattern(test: Contains | Says) -> str:
    return re.escape(test.text) if isinstance(test, Contains) else pattern(test.words, test.begins)


def reading(code: str, test: Contains | Says) -> Filter | None:
    """The condition on postings that holds of all that a test may find; None where nothing is indexed for it."""
    if test.among is not None:
        return {"t": {"$in": list(test.among)}}
    match test:
        case Contains(part, quick, _):
            return infix.holding(code, part) if quick else None
        case Says(words, begins, "texts"):
            return fulltext.somewhere(fulltext.Words(words, begins))
        case Says(words, begins, "words"):
            at = fulltext.longest(words, begins)
            return infix.saying(code, words[at], begins and at == len(words) - 1)
        case Says(words, _, "parts"):
            return infix.holding(code, max(words, key=len))
    return None


def sought(code: str) -> terms.Span:
    """The postings of all strings of a parameter."""
    (found,) = terms.spans(terms.present(code)) or ()
    return found


def among(code: str, test: Contains | Says, postings: Iterable[str]) -> Contains | Says:
    """The test for those postings of a parameter whose strings may satisfy it; of a long string they are a part."""
    looked_for, ahead = _compiled(_pattern(test)), len(code) + 1
    found = (each for each in postings if len(each) >= ahead + text.TERM or looked_for.search(each[ahead:]))
    return replace(test, among=tuple(found))


@lru_cache(maxsize=256)
def _compiled(written: str) -> re.Pattern[str]:
    return re.compile(written)


def matches(test: Test, type_: str, value: Any) -> bool:
    """Whether one value of a resource satisfies a test."""
    match test:
        case Starts(start, parts):
            if any(text.normalise(each).startswith(start) for each in strings(type_, value)):
                return True
            return parts and any(each.startswith(start) for each in _parts(type_, value))
        case Contains(part):
            return any(part in text.normalise(each) for each in strings(type_, value))
        case Says():
            found = _compiled(pattern(test.words, test.begins))
            return any(found.search(text.normalise(each)) for each in strings(type_, value))
        case Exact(written):
            return any(each == written for each in strings(type_, value))
