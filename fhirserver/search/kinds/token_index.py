"""What a token is found by: the postings of codes, identifiers, contact points and booleans.

code|value in any system, code@system|value, code@|value where there is no system; code:text|display,
code:of-type|system|type|value. https://hl7.org/fhir/R5/search.html#token
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from fhirserver.resources import registry
from fhirserver.search import text
from fhirserver.search.kinds.terms import quote
from fhirserver.search.parameters import Parameter
from fhirserver.search.sink import Indexer, Sink
from fhirserver.search.systems import ALIASES

WITHIN = "@"
"""What stands between a parameter's code and the system in a posting that names one."""


_COMMON = 120
"""Characters of a display that may well be met again."""

FOLDED = ":folded"
"""What follows a parameter's code in the postings of codes that compare exactly, and are not all small."""


def suffixes(parameter: Parameter, type_: str, value: Any) -> list[str]:
    """What of a value goes into the postings of a composite: code, system|code and |code."""
    found: list[str] = []
    for system, code in pairs(type_, value):
        add(found, "", "", system, code, parameter.fold, parameter.bare)
    return found


def add(found: list[str], prefix: str, within: str, system: Any, code: Any, fold: bool, bare: bool = False) -> None:
    """Adds the postings of a code, and `within` its system; either of the two may be missing."""
    if code:
        if fold:
            code = code.casefold()
        if "|" in code or "%" in code:
            code = quote(code)
        found.append(prefix + code)
        if system:
            found.append(f"{within}{quote(ALIASES.get(system, system))}|{code}")
        elif not bare:
            found.append(f"{within}|{code}")
    elif system:
        found.append(f"{within}{quote(ALIASES.get(system, system))}|")


def indexer(parameter: Parameter, type_: str) -> Indexer:
    """What indexes one value of a type."""
    code, fold, bare = parameter.code, parameter.fold, parameter.bare
    prefix, within, shown = f"{code}|", f"{code}{WITHIN}", f"{code}:text|"

    def display(value: Any, sink: Sink) -> None:
        if value:
            # Also what has no letter and no digit: it is a value, and says so.
            sink.t.append(shown + text.normalise(value)[: text.TERM])

    def coding(value: Any, sink: Sink) -> None:
        coded(value, sink)

    def coded(value: Any, sink: Sink) -> bool:
        given, said = value.get("code"), value.get("display")
        if said is None or len(said) <= _COMMON:
            sink.t += _of_coding(code, value.get("system"), given, said, fold)
        else:
            add(sink.t, prefix, within, value.get("system"), given, fold)
            display(said, sink)
        key = given or said
        if key:
            sink.sort(code, key[: text.SORT])
        return bool(key)

    def concept(value: Any, sink: Sink) -> None:
        keyed = False
        for each in value.get("coding") or ():
            keyed = coded(each, sink) or keyed
        told = value.get("text")
        if told:
            display(told, sink)
            if not keyed:
                sink.sort(code, told[: text.SORT])

    def codeable_reference(value: Any, sink: Sink) -> None:
        if value.get("concept"):
            concept(value["concept"], sink)

    def identifier(value: Any, sink: Sink) -> None:
        number = value.get("value")
        add(sink.t, prefix, within, value.get("system"), number, fold)
        if number:
            sink.sort(code, number[: text.SORT])
        kind = value.get("type")
        if kind:
            display(kind.get("text"), sink)
            if number:
                for each in kind.get("coding") or ():
                    sink.t.append(of_type(code, each.get("system") or "", each.get("code") or "", number))

    def contact(value: Any, sink: Sink) -> None:
        number = value.get("value")
        if number:
            add(sink.t, prefix, within, None, number, fold, bare)
            sink.sort(code, number[: text.SORT])

    def quantity(value: Any, sink: Sink) -> None:
        add(sink.t, prefix, within, value.get("system"), value.get("code"), fold)
        if value.get("code"):
            sink.sort(code, value["code"][: text.SORT])

    def primitive(value: Any, sink: Sink) -> None:
        written = _written(value)
        add(sink.t, prefix, within, None, written, fold, bare)
        if not fold and (folded := written.casefold()) != written:
            sink.t.append(f"{code}{FOLDED}|{quote(folded)}")
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


@lru_cache(maxsize=16384)
def _of_coding(parameter: str, system: str | None, code: str | None, display: str | None, fold: bool) -> list[str]:
    """The postings of a coding: most are met again and again. Whoever gets them only reads."""
    found: list[str] = []
    add(found, f"{parameter}|", f"{parameter}{WITHIN}", system, code, fold)
    if display:
        found.append(f"{parameter}:text|{text.normalise(display)[: text.TERM]}")
    return found


def _extension(parameter: Parameter) -> Indexer:
    prefix, within = f"{parameter.code}|", f"{parameter.code}{WITHIN}"

    def value_of(value: Any, sink: Sink) -> None:
        for system, code in pairs("Extension", value):
            add(sink.t, prefix, within, system, code, parameter.fold, parameter.bare)
            if code:
                sink.sort(parameter.code, code[: text.SORT])

    return value_of


def of_type(code: str, system: str, type_: str, value: str) -> str:
    """The posting of an identifier's type."""
    return f"{code}:of-type|{quote(system)}|{quote(type_.casefold())}|{quote(value.casefold())}"


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def pairs(type_: str, value: Any) -> Iterator[tuple[str | None, str | None]]:
    """(system, code) of everything in a value."""
    match type_:
        case "Coding" | "Quantity":
            yield value.get("system"), value.get("code")
        case "CodeableConcept":
            for coding in value.get("coding") or ():
                yield coding.get("system"), coding.get("code")
        case "CodeableReference":
            yield from pairs("CodeableConcept", value.get("concept") or {})
        case "Identifier":
            yield value.get("system"), value.get("value")
        case "ContactPoint":
            yield None, value.get("value")
        case "Extension":
            for key, inner in value.items():
                if key.startswith("value"):
                    name = key[5:] if isinstance(inner, dict) else "code"
                    yield from pairs(name, inner)
        case _ if not isinstance(value, dict):
            yield None, _written(value)
