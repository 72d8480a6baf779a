"""Tokens asked for: codes, identifiers, contact points, booleans; what they are found by is in token_index.

https://hl7.org/fhir/R5/search.html#token
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.resources import registry
from fhirserver.search import escapes, text
from fhirserver.search.kinds import terms
from fhirserver.search.kinds.terms import Filter, quote
from fhirserver.search.kinds.token_index import FOLDED, WITHIN, of_type, pairs
from fhirserver.search.parameters import Parameter
from fhirserver.search.sink import bounded
from fhirserver.search.systems import same

MODIFIERS = ("not", "text", "text-advanced", "code-text", "of-type")
TERMINOLOGY = ("in", "not-in", "above", "below")
MEDIA = "urn:ietf:bcp:13"

_SPECIAL = "http://terminology.hl7.org/CodeSystem/special-values"
_OPEN: Mapping[str, str] = MappingProxyType(
    {
        "http://hl7.org/fhir/ValueSet/all-languages": "urn:ietf:bcp:47",
        "http://hl7.org/fhir/ValueSet/languages": "urn:ietf:bcp:47",
        "http://hl7.org/fhir/ValueSet/mimetypes": MEDIA,
        "http://hl7.org/fhir/ValueSet/currencies": "urn:iso:std:iso:4217",
    }
)
"""Value sets whose codes are not listed, with the system that all of these are of."""


@dataclass(frozen=True, slots=True)
class Token:
    """A value in a system: None is any system, '' is none; an empty code is any code of the system."""

    system: str | None
    code: str
    fold: bool


@dataclass(frozen=True, slots=True)
class CodeStarts:
    """:code-text, a code that begins so, large or small; folded."""

    code: str
    fold: bool


@dataclass(frozen=True, slots=True)
class Display:
    """:text, a display that begins so, normalised."""

    text: str


@dataclass(frozen=True, slots=True)
class OfType:
    """:of-type, an identifier of a type."""

    system: str
    type: str
    value: str


@dataclass(frozen=True)
class AnyOf:
    """One of many codes of their systems (None: of any): what a value set becomes."""

    codes: tuple[tuple[str | None, str], ...]
    fold: bool

    @cached_property
    def found(self) -> frozenset[tuple[str | None, str]]:
        """The codes, to be looked up."""
        return frozenset(self.codes)


Test = Token | CodeStarts | Display | OfType | AnyOf


def parse(parameter: Parameter, modifier: str | None, value: str, given: str) -> Test:
    """The test of one value; ':not' is the caller's."""
    fold = parameter.fold
    if modifier == "text":
        shown = text.normalise(escapes.plain(value, given))
        if not shown:
            raise BadRequest(f"'{value}' has no letter or digit to search for.", expression=given)
        return Display(shown[: text.TERM])
    if modifier == "code-text":
        code = escapes.plain(value, given)
        return CodeStarts(code.casefold(), fold)
    parts = [escapes.plain(part, given) for part in escapes.split(value, "|")]
    if modifier == "of-type":
        if "Identifier" not in parameter.types:
            raise BadRequest(
                f"':of-type' goes with identifiers alone: '{parameter.called}' has none.", expression=given
            )
        if len(parts) != 3 or not all(parts):
            raise BadRequest("':of-type' takes system|code|value, all three of them.", expression=given)
        return OfType(parts[0], parts[1].casefold(), parts[2].casefold())
    if len(parts) > 2:
        raise BadRequest(
            rf"'{value}' has more than one '|': write system|code, and \| for a bar inside.", expression=given
        )
    code = parts[-1].casefold() if fold else parts[-1]
    if len(parts) == 1:
        return Token(None, code, fold)
    system = same(parts[0])
    if not code and not system:
        raise BadRequest("'|' alone names neither a system nor a code.", expression=given)
    if parameter.bare and code and (not system or binds(parameter, system, code)):
        return Token(None, code, fold)
    return Token(system, code, fold)


def binds(parameter: Parameter, system: str, code: str) -> bool:
    """Whether the parameter's codes are implicitly of that system."""
    if parameter.types == {"boolean"}:
        return system == _SPECIAL
    for branch in parameter.branches:
        if branch.valueset is not None and system == _OPEN.get(branch.valueset):
            return True
        content = registry.valueset(parameter.release, branch.valueset) if branch.valueset else None
        if content is not None and code in content.get(system, ()):
            return True
    return False


def system_of(parameter: Parameter, code: str) -> str | None:
    """The one system that a code of the parameter is of when none is written; None where that is not known."""
    if not parameter.bare:
        return None
    bound = [branch.valueset for branch in parameter.branches if branch.valueset]
    found = {_OPEN[each] for each in bound if each in _OPEN}
    for each in bound:
        content = registry.valueset(parameter.release, each) or {}
        found |= {system for system, codes in content.items() if code in codes}
    return found.pop() if len(found) == 1 else None


def suffix(test: Token) -> str:
    """The end of the posting that a test with a code asks for, in a composite all of it."""
    return _end(test.system, test.code)


def _end(system: str | None, code: str) -> str:
    return quote(code) if system is None else f"{quote(system)}|{quote(code)}"


def to_mongo(code: str, test: Test) -> Filter:
    """The filter of a test."""
    match test:
        case Token(system, "", _) if system is not None:
            return terms.beginning(code, quote(system) + "|", WITHIN)
        case Token():
            return terms.term(code, suffix(test), "|" if test.system is None else WITHIN)
        case CodeStarts(start, fold):
            found = terms.beginning(code, quote(start))
            return found if fold else {"$or": [found, terms.beginning(code + FOLDED, quote(start))]}
        case Display(start):
            return terms.beginning(f"{code}:text", start)
        case OfType(system, type_, value):
            return {"t": of_type(code, system, type_, value)}
        case AnyOf(codes):
            return {"t": {"$in": [_posting(code, *each) for each in codes]}}


def _posting(code: str, system: str | None, its_code: str) -> str:
    return bounded(f"{code}{'|' if system is None else WITHIN}{_end(system, its_code)}")


def displays(type_: str, value: Any) -> Iterator[str | None]:
    """What the codes of a value are shown as."""
    match type_:
        case "Coding":
            yield value.get("display")
        case "CodeableConcept":
            yield value.get("text")
            for coding in value.get("coding") or ():
                yield coding.get("display")
        case "CodeableReference":
            yield from displays("CodeableConcept", value.get("concept") or {})
        case "Identifier":
            yield (value.get("type") or {}).get("text")


def findable(type_: str, value: Any) -> bool:
    """Whether a value can be searched for at all."""
    return any(code or system for system, code in pairs(type_, value)) or any(displays(type_, value))


def matches(test: Test, type_: str, value: Any) -> bool:
    """Whether one value of a resource satisfies a test."""
    match test:
        case Token(system, code, fold):
            for its_system, its_code in pairs(type_, value):
                written = (its_code or "").casefold() if fold else (its_code or "")
                if (system is None or same(its_system or "") == system) and (not code or written == code):
                    return True
            return False
        case AnyOf(_, fold):
            for its_system, its_code in pairs(type_, value):
                written = (its_code or "").casefold() if fold else (its_code or "")
                if (None, written) in test.found or (its_system and (same(its_system), written) in test.found):
                    return True
            return False
        case CodeStarts(start, _):
            return any((code or "").casefold().startswith(start) for _, code in pairs(type_, value))
        case Display(start):
            return any(text.normalise(shown).startswith(start) for shown in displays(type_, value) if shown)
        case OfType(system, kind, number):
            if type_ != "Identifier" or (value.get("value") or "").casefold() != number:
                return False
            codings = (value.get("type") or {}).get("coding") or ()
            return any(c.get("system") == system and (c.get("code") or "").casefold() == kind for c in codings)
