"""The properties of a concept as $expand and $lookup tell them, those of the hierarchy among them.

https://hl7.org/fhir/R5/codesystem.html#properties
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fhirserver.fhirjson import Resource
from fhirserver.terminology.codesystem import CodeSystem, Concept
from fhirserver.terminology.members import Entry

_URI = "http://hl7.org/fhir/concept-properties#"
ALL = "*"


def told(system: CodeSystem, concept: Concept) -> Iterator[Mapping[str, Any]]:
    """Rows {code, value[x]}: what the code system says, and the parents and children that nesting means."""
    rows = [row for row in concept.row.get("property", ()) if isinstance(row.get("code"), str)]
    yield from rows
    for name, names, codes in (
        ("parent", system.roles["parent"], concept.parents),
        ("child", system.roles["child"], concept.children),
    ):
        said = {row.get("valueCode") for row in rows if row["code"] in names}
        yield from ({"code": name, "valueCode": code} for code in codes if code not in said)


def wanted(system: CodeSystem, name: str, asked: Sequence[str]) -> bool:
    """Whether a property is asked for, by its code or its URI."""
    return ALL in asked or name in asked or uri(system, name) in asked


def uri(system: CodeSystem, name: str) -> str | None:
    """The URI of a property; what the specification defines has one everywhere."""
    found = system.defined.get(name, {}).get("uri")
    if isinstance(found, str):
        return found
    return _URI + name if name in system.roles and name not in system.defined else None


def in_expansion(entry: Entry, asked: Sequence[str], supplements: Iterable[CodeSystem]) -> list[Resource]:
    """The elements of expansion.contains.property."""
    found = []
    for system, concept in sources(entry, supplements):
        found += [
            {"code": row["code"]} | {name: value for name, value in row.items() if name.startswith("value")}
            for row in told(system, concept)
            if wanted(system, row["code"], asked)
        ]
    return found


def sources(entry: Entry, supplements: Iterable[CodeSystem]) -> list[tuple[CodeSystem, Concept]]:
    """The code systems that say something of a code: its own first."""
    found = [(entry.system, entry.concept)] if entry.system is not None and entry.concept is not None else []
    found += [(each, concept) for each in supplements if (concept := each.find(entry.code)) is not None]
    return found


def definitions(entries: Iterable[Entry], asked: Sequence[str]) -> list[Resource]:
    """The elements of expansion.property: the URIs of the properties that the rows have."""
    found: dict[str, Resource] = {}
    for entry in entries:
        for system, concept in sources(entry, ()):
            for row in told(system, concept):
                name = row["code"]
                if name not in found and wanted(system, name, asked):
                    known = uri(system, name)
                    found[name] = {"code": name} | ({"uri": known} if known else {})
    return list(found.values())
