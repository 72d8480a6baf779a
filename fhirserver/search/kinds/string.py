"""Strings, names and addresses.

Posting: code|normalised, its first hundred characters; the whole normalised strings stand in f[code], and in
f[code:exact] the strings as they were written. https://hl7.org/fhir/R5/search.html#string
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.search import escapes, text
from fhirserver.search.kinds import terms
from fhirserver.search.kinds.terms import Filter
from fhirserver.search.parameters import Parameter
from fhirserver.search.sink import Indexer, Sink

MODIFIERS = ("exact", "contains", "text")
EXACT = 200
"""Characters up to which a string is kept as written; of a longer one a hash is."""


@dataclass(frozen=True, slots=True)
class Starts:
    """A string that begins so; normalised."""

    text: str


@dataclass(frozen=True, slots=True)
class Contains:
    """A string that holds this somewhere; normalised."""

    text: str


@dataclass(frozen=True, slots=True)
class Exact:
    """A string that is this, letter by letter."""

    text: str


Test = Starts | Contains | Exact


def parse(parameter: Parameter, modifier: str | None, value: str, given: str) -> Test:
    """The test of one value; ':text' on a string is ':contains'."""
    written = escapes.plain(value, given)
    if modifier == "exact":
        return Exact(written)
    normal = text.normalise(written)
    if not normal:
        raise BadRequest(f"'{value}' has no letter or digit: search for it with ':exact'.", expression=given)
    return Starts(normal) if modifier is None else Contains(normal)


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


def suffixes(parameter: Parameter, type_: str, value: Any) -> list[str]:
    """The ends of the postings of a value."""
    return [text.normalise(each)[: text.TERM] for each in strings(type_, value)]


def indexer(parameter: Parameter, type_: str) -> Indexer:
    """What indexes one value of a type."""
    code, exact, prefix = parameter.code, f"{parameter.code}:exact", f"{parameter.code}|"

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

    return one if type_ in ("string", "markdown") else many


def _kept(written: str) -> str:
    if len(written) <= EXACT:
        return written
    return f"{written[:100]}#{sha256(written.encode('utf-8', 'surrogatepass')).hexdigest()}"


def to_mongo(code: str, test: Test) -> Filter:
    """The filter of a test; a field name is the parameter's own code, never the client's text."""
    match test:
        case Starts(start):
            found = terms.beginning(code, start[: text.TERM])
            if len(start) <= text.TERM:
                return found
            return {"$and": [found, {f"f.{code}": {"$regex": "^" + re.escape(start)}}]}
        case Contains(part):
            return {f"f.{code}": {"$regex": re.escape(part)}}
        case Exact(written):
            normal = text.normalise(written)[: text.TERM]
            return {"$and": [terms.term(code, normal), {f"f.{code}:exact": _kept(written)}]}


def matches(test: Test, type_: str, value: Any) -> bool:
    """Whether one value of a resource satisfies a test."""
    match test:
        case Starts(start):
            return any(text.normalise(each).startswith(start) for each in strings(type_, value))
        case Contains(part):
            return any(part in text.normalise(each) for each in strings(type_, value))
        case Exact(written):
            return any(each == written for each in strings(type_, value))
