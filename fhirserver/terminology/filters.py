"""Filters of a value set: the concepts of a code system that have all the properties asked for.

https://hl7.org/fhir/R5/valueset-filter-operator.html, https://hl7.org/fhir/R5/codesystem.html#filters
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from fhirserver.terminology.codesystem import ROLES, CodeSystem, Concept, value_of
from fhirserver.terminology.hierarchy import above, below, concept, subsuming
from fhirserver.terminology.patterns import matcher
from fhirserver.terminology.reasons import Undecided, named

_ITSELF = frozenset({"concept", "code"})
"""Names under which filters speak of the concept itself."""

Test = Callable[[Concept], bool]


def chosen(system: CodeSystem, filters: Sequence[Mapping[str, Any]]) -> list[Concept]:
    """The concepts that pass all filters, in their order; Undecided where a filter cannot be understood."""
    tests = [
        _test(system, str(row.get("property", "")), str(row.get("op", "")), str(row.get("value", "")))
        for row in filters
    ]
    return [each for each in system.concepts.values() if all(test(each) for test in tests)]


def _test(system: CodeSystem, name: str, operator: str, value: str) -> Test:
    match operator:
        case "is-a" | "descendent-of" | "is-not-a" | "generalizes" | "child-of" | "descendent-leaf":
            return _related(system, name, operator, value)
        case "exists":
            if value not in ("true", "false"):
                raise Undecided("invalid", f"The filter 'exists' on '{name}' takes true or false, not '{value}'.")
            told, wanted = _reader(system, name), value == "true"
            return lambda each: bool(told(each)) is wanted
        case "regex":
            told, matches = _reader(system, name), matcher(value)
            return lambda each: any(matches(text) for text in told(each))
        case "=" | "in" | "not-in":
            fold = _folding(system, name)
            listed = [value] if operator == "=" else [part.strip() for part in value.split(",")]
            wanted_values, told = {fold(each) for each in listed}, _reader(system, name)
            within = operator != "not-in"
            return lambda each: any(fold(text) in wanted_values for text in told(each)) is within
    raise Undecided("not-supported", f"The filter operator '{operator}' is not one of those of the specification.")


def _related(system: CodeSystem, name: str, operator: str, value: str) -> Test:
    """A test of where a concept, or the code that is the value of its property, stands in the hierarchy."""
    top = concept(system, value)
    if operator == "child-of":
        wanted: Collection[str] = top.children
    else:
        subsuming(system)
        if operator == "generalizes":
            wanted = {top.code, *above(system, top)}
        else:
            under = below(system, top)
            match operator:
                case "descendent-of":
                    wanted = under
                case "descendent-leaf":
                    wanted = {code for code, each in under.items() if not each.children}
                case _:
                    wanted = {top.code, *under}
    within = operator != "is-not-a"
    if name in _ITSELF:
        codes = frozenset(wanted)
        return lambda each: (each.code in codes) is within
    told, fold = _reader(system, name), _folding(system, name)
    folded = {fold(code) for code in wanted}
    return lambda each: any(fold(text) in folded for text in told(each)) is within


def _reader(system: CodeSystem, name: str) -> Callable[[Concept], list[str]]:
    """What reads the values of a property as text; Undecided for one that the code system does not have."""
    if name in _ITSELF:
        return lambda each: [each.code]
    if name in ("display", "definition"):
        return lambda each: [each.row[name]] if isinstance(each.row.get(name), str) else []
    role = next((role for role in ROLES if name in system.roles[role]), None)
    if role == "parent":
        return lambda each: each.parents
    if role == "child":
        return lambda each: each.children
    if role in ("inactive", "notSelectable"):
        flag = system.inactive if role == "inactive" else system.abstract
        return lambda each: ["true" if flag(each) else "false"]
    codes = {name} | {code for code, row in system.defined.items() if row.get("uri") == name}
    if not codes & system.defined.keys() and role is None and not _used(system, codes):
        if name in system.filters:
            said = f"What the filter '{name}' of '{named(system.url, system.version)}' selects is told in words alone."
            raise Undecided("not-supported", said)
        raise Undecided(
            "invalid",
            f"A filter asks for the property '{name}', which '{named(system.url, system.version)}' does not define.",
        )
    return lambda each: [
        text for row in each.row.get("property", ()) if row.get("code") in codes for text in _texts(value_of(row))
    ]


def _used(system: CodeSystem, codes: Collection[str]) -> bool:
    return any(row.get("code") in codes for each in system.concepts.values() for row in each.row.get("property", ()))


def _texts(value: Any) -> Iterable[str]:
    """A property's value as a filter may write it; a Coding by its code or as system|code."""
    match value:
        case None:
            return ()
        case bool():
            return ("true" if value else "false",)
        case dict():
            code, system = value.get("code"), value.get("system")
            return tuple(text for text in (code, f"{system}|{code}" if system and code else None) if text)
        case _:
            return (str(value),)


def _folding(system: CodeSystem, name: str) -> Callable[[str], str]:
    """How values compare: codes of the system as the system's do, all else exactly."""
    own = name in _ITSELF or name in system.roles["parent"] | system.roles["child"]
    own = own or system.defined.get(name, {}).get("type") == "code"
    return str.casefold if own and system.folded else _same


def _same(text: str) -> str:
    return text
