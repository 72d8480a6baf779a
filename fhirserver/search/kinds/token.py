"""Tokens: codes, identifiers, contact points, booleans.

Postings: code|value in any system, code|system|value, code||value where there is no system; code:text|display,
code:of-type|system|type|value. https://hl7.org/fhir/R5/search.html#token
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fhirserver.errors import BadRequest, NotSupported
from fhirserver.resources import registry
from fhirserver.search import escapes, text
from fhirserver.search.kinds import terms
from fhirserver.search.kinds.terms import Filter, quote
from fhirserver.search.parameters import Parameter
from fhirserver.search.sink import Indexer, Sink
from fhirserver.search.systems import ALIASES, same

MODIFIERS = ("not", "text", "code-text", "of-type")
TERMINOLOGY = ("in", "not-in", "above", "below", "text-advanced")


@dataclass(frozen=True, slots=True)
class Token:
    """A value in a system: None is any system, '' is none; an empty code is any code of the system."""

    system: str | None
    code: str
    fold: bool


@dataclass(frozen=True, slots=True)
class CodeStarts:
    """:code-text, a code that begins so."""

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


Test = Token | CodeStarts | Display | OfType


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
        return CodeStarts(code.casefold() if fold else code, fold)
    parts = [escapes.plain(part, given) for part in escapes.split(value, "|")]
    if modifier == "of-type":
        if len(parts) != 3 or not all(parts):
            raise BadRequest("':of-type' takes system|code|value, all three of them.", expression=given)
        return OfType(parts[0], parts[1].casefold(), parts[2].casefold())
    if modifier in TERMINOLOGY:
        raise NotSupported(
            f"':{modifier}' needs terminology that this server does not search by yet.", expression=given
        )
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
    if parameter.bare and code and (not system or _binds(parameter, system, code)):
        return Token(None, code, fold)
    return Token(system, code, fold)


def _binds(parameter: Parameter, system: str, code: str) -> bool:
    """Whether the parameter's codes are implicitly of that system."""
    if parameter.types == {"boolean"}:
        return system == "http://terminology.hl7.org/CodeSystem/special-values"
    for branch in parameter.branches:
        content = registry.valueset(parameter.release, branch.valueset) if branch.valueset else None
        if content is not None and code in content.get(system, ()):
            return True
    return False


# -- index -----------------------------------------------------------------------------------------------------------


def suffixes(parameter: Parameter, type_: str, value: Any) -> list[str]:
    """The ends of the postings of a value."""
    fold, bare = parameter.fold, parameter.bare
    found: list[str] = []
    for system, code in _pairs(type_, value):
        _add(found, "", system, code, fold, bare)
    return found


def _add(found: list[str], prefix: str, system: Any, code: Any, fold: bool, bare: bool = False) -> None:
    if code:
        if fold:
            code = code.casefold()
        if "|" in code or "%" in code:
            code = quote(code)
        found.append(prefix + code)
        if system:
            found.append(f"{prefix}{quote(ALIASES.get(system, system))}|{code}")
        elif not bare:
            found.append(f"{prefix}|{code}")
    elif system:
        found.append(f"{prefix}{quote(ALIASES.get(system, system))}|")


def indexer(parameter: Parameter, type_: str) -> Indexer:
    """What indexes one value of a type."""
    code, fold, bare = parameter.code, parameter.fold, parameter.bare
    prefix, shown = f"{code}|", f"{code}:text|"

    def display(value: Any, sink: Sink) -> None:
        if value:
            normal = text.normalise(value)[: text.TERM]
            if normal:
                sink.t.append(shown + normal)

    def coding(value: Any, sink: Sink) -> None:
        _add(sink.t, prefix, value.get("system"), value.get("code"), fold)
        display(value.get("display"), sink)
        sink.sort(code, (value.get("code") or value.get("display") or "")[: text.SORT])

    def concept(value: Any, sink: Sink) -> None:
        for each in value.get("coding") or ():
            coding(each, sink)
        told = value.get("text")
        if told:
            display(told, sink)
            sink.sort(code, told[: text.SORT])

    def codeable_reference(value: Any, sink: Sink) -> None:
        if value.get("concept"):
            concept(value["concept"], sink)

    def identifier(value: Any, sink: Sink) -> None:
        number = value.get("value")
        _add(sink.t, prefix, value.get("system"), number, fold)
        if number:
            sink.sort(code, number[: text.SORT])
        kind = value.get("type")
        if kind:
            display(kind.get("text"), sink)
            if number:
                for each in kind.get("coding") or ():
                    sink.t.append(of_type(code, each.get("system") or "", each.get("code") or "", number))

    def contact(value: Any, sink: Sink) -> None:
        _add(sink.t, prefix, None, value.get("value"), fold)

    def quantity(value: Any, sink: Sink) -> None:
        _add(sink.t, prefix, value.get("system"), value.get("code"), fold)

    def primitive(value: Any, sink: Sink) -> None:
        written = _written(value)
        _add(sink.t, prefix, None, written, fold, bare)
        sink.sort(code, written[: text.SORT])

    chosen = {
        "Coding": coding,
        "CodeableConcept": concept,
        "CodeableReference": codeable_reference,
        "Identifier": identifier,
        "ContactPoint": contact,
        "Quantity": quantity,
    }.get(type_)
    if chosen:
        return chosen
    return primitive if registry.is_primitive(parameter.release, type_) else _extension(parameter)


def _extension(parameter: Parameter) -> Indexer:
    def value_of(value: Any, sink: Sink) -> None:
        for suffix in suffixes(parameter, "Extension", value):
            sink.t.append(f"{parameter.code}|{suffix}")

    return value_of


def of_type(code: str, system: str, type_: str, value: str) -> str:
    """The posting of an identifier's type."""
    return f"{code}:of-type|{quote(system)}|{quote(type_.casefold())}|{quote(value.casefold())}"


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


# -- query -----------------------------------------------------------------------------------------------------------


def suffix(test: Token) -> str:
    """The end of the posting that a test with a code asks for."""
    if test.system is None:
        return quote(test.code)
    return f"{quote(test.system)}|{quote(test.code)}"


def to_mongo(code: str, test: Test) -> Filter:
    """The filter of a test."""
    match test:
        case Token(system, "", _) if system is not None:
            return terms.beginning(code, quote(system) + "|")
        case Token():
            return terms.term(code, suffix(test))
        case CodeStarts(start, _):
            return terms.beginning(code, quote(start))
        case Display(start):
            return terms.beginning(f"{code}:text", start)
        case OfType(system, type_, value):
            return {"t": of_type(code, system, type_, value)}


# -- match -----------------------------------------------------------------------------------------------------------


def _pairs(type_: str, value: Any) -> Iterator[tuple[str | None, str | None]]:
    """(system, code) of everything in a value."""
    match type_:
        case "Coding" | "Quantity":
            yield value.get("system"), value.get("code")
        case "CodeableConcept":
            for coding in value.get("coding") or ():
                yield coding.get("system"), coding.get("code")
        case "CodeableReference":
            yield from _pairs("CodeableConcept", value.get("concept") or {})
        case "Identifier":
            yield value.get("system"), value.get("value")
        case "ContactPoint":
            yield None, value.get("value")
        case "Extension":
            for key, inner in value.items():
                if key.startswith("value"):
                    name = key[5:] if isinstance(inner, dict) else "code"
                    yield from _pairs(name, inner)
        case _ if not isinstance(value, dict):
            yield None, _written(value)


def _displays(type_: str, value: Any) -> Iterator[str | None]:
    match type_:
        case "Coding":
            yield value.get("display")
        case "CodeableConcept":
            yield value.get("text")
            for coding in value.get("coding") or ():
                yield coding.get("display")
        case "CodeableReference":
            yield from _displays("CodeableConcept", value.get("concept") or {})
        case "Identifier":
            yield (value.get("type") or {}).get("text")


def findable(type_: str, value: Any) -> bool:
    """Whether a value can be searched for at all."""
    if any(code or system for system, code in _pairs(type_, value)):
        return True
    return any(shown and text.normalise(shown) for shown in _displays(type_, value))


def matches(test: Test, type_: str, value: Any) -> bool:
    """Whether one value of a resource satisfies a test."""
    match test:
        case Token(system, code, fold):
            for its_system, its_code in _pairs(type_, value):
                written = (its_code or "").casefold() if fold else (its_code or "")
                if (system is None or same(its_system or "") == system) and (not code or written == code):
                    return True
            return False
        case CodeStarts(start, fold):
            codes = (code or "" for _, code in _pairs(type_, value))
            return any((code.casefold() if fold else code).startswith(start) for code in codes)
        case Display(start):
            return any(text.normalise(shown).startswith(start) for shown in _displays(type_, value) if shown)
        case OfType(system, kind, number):
            if type_ != "Identifier" or (value.get("value") or "").casefold() != number:
                return False
            codings = (value.get("type") or {}).get("coding") or ()
            return any(c.get("system") == system and (c.get("code") or "").casefold() == kind for c in codings)
