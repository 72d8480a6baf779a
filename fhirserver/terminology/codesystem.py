"""A CodeSystem as what is asked of it: its concepts by code, their hierarchy, and what its properties mean.

https://hl7.org/fhir/R5/codesystem.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from fhirserver.fhirjson import Resource

Role = Literal["parent", "child", "status", "inactive", "notSelectable"]
ROLES: tuple[Role, ...] = ("parent", "child", "status", "inactive", "notSelectable")
_URI = "http://hl7.org/fhir/concept-properties#"
_ALSO: Mapping[str, Role] = MappingProxyType({"subsumedBy": "parent", "abstract": "notSelectable"})
"""Codes that publishers gave to properties before these had URIs."""

_INACTIVE = frozenset({"retired", "inactive"})


@dataclass(slots=True, eq=False)
class Concept:
    """A concept: `row` is its JSON, `parents` and `children` are codes, whether they come by nesting or by property."""

    code: str
    row: Mapping[str, Any]
    parents: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)

    @property
    def display(self) -> str | None:
        """The words for it in the language of the code system."""
        found = self.row.get("display")
        return found if isinstance(found, str) else None


@dataclass(frozen=True, slots=True, eq=False)
class CodeSystem:
    """`folded` codes compare without case. `meaning` is what the hierarchy means, None when that is not said.

    `supplements` is the canonical of the system that a supplement adds to. `defined` are the properties by code,
    `roles` the codes of those that mean something to this server. `filters` are those that it has beside properties.
    """

    url: str
    version: str | None
    name: str
    content: str
    folded: bool
    language: str | None
    meaning: str | None
    supplements: str | None
    concepts: Mapping[str, Concept]
    defined: Mapping[str, Mapping[str, Any]]
    roles: Mapping[Role, frozenset[str]]
    filters: frozenset[str]
    _exact: Mapping[str, str]

    @property
    def complete(self) -> bool:
        """Whether all codes of the system are here."""
        return self.content == "complete"

    @property
    def hierarchical(self) -> bool:
        """Whether any concept is above another."""
        return any(concept.parents for concept in self.concepts.values())

    def find(self, code: str) -> Concept | None:
        """The concept of a code, written in any case where case does not matter."""
        found = self.concepts.get(code)
        if found is None and self.folded:
            found = self.concepts.get(self._exact.get(code.casefold(), ""))
        return found

    def values(self, concept: Concept, role: Role) -> Iterator[Any]:
        """The values of the properties that have a meaning."""
        names = self.roles[role]
        if names:
            for row in concept.row.get("property", ()):
                if row.get("code") in names:
                    yield value_of(row)

    def inactive(self, concept: Concept) -> bool:
        """Whether a concept is not for use any more; one that is deprecated still is."""
        if True in self.values(concept, "inactive"):
            return True
        return any(value in _INACTIVE for value in self.values(concept, "status"))

    def abstract(self, concept: Concept) -> bool:
        """Whether a concept only groups others, and is not to be chosen itself."""
        return True in self.values(concept, "notSelectable")


def value_of(row: Mapping[str, Any]) -> Any:
    """The value of a property, whatever its type."""
    return next((value for name, value in row.items() if name.startswith("value")), None)


def compiled(resource: Resource) -> CodeSystem:
    """The code system of a valid CodeSystem resource; of a code that is there twice the first one counts."""
    defined = {row["code"]: row for row in resource.get("property", ()) if isinstance(row.get("code"), str)}
    folded = resource.get("caseSensitive") is not True
    concepts = _concepts(resource)
    made = CodeSystem(
        url=str(resource.get("url", "")),
        version=resource.get("version"),
        name=str(resource.get("title") or resource.get("name") or resource.get("url", "")),
        content=str(resource.get("content", "")),
        # Where nothing is said, codes are accepted in any case: https://hl7.org/fhir/R5/codesystem-definitions.html
        folded=folded,
        language=resource.get("language"),
        meaning=resource.get("hierarchyMeaning"),
        supplements=resource.get("supplements"),
        concepts=concepts,
        defined=defined,
        roles=_roles(defined),
        filters=frozenset(str(row.get("code")) for row in resource.get("filter", ())),
        _exact={code.casefold(): code for code in reversed(concepts)} if folded else {},
    )
    _join(made)
    return made


def _concepts(resource: Resource) -> dict[str, Concept]:
    """All concepts in the order in which they stand, with what nesting says of them."""
    found: dict[str, Concept] = {}
    todo: list[tuple[Mapping[str, Any], Concept | None]] = [
        (row, None) for row in reversed(resource.get("concept", ()))
    ]
    while todo:
        row, above = todo.pop()
        code = row.get("code")
        if not isinstance(code, str):
            continue
        concept = found.setdefault(code, Concept(code, row))
        if above is not None:
            _link(above, concept)
        todo += [(inner, concept) for inner in reversed(row.get("concept", ()))]
    return found


def _roles(defined: Mapping[str, Mapping[str, Any]]) -> dict[Role, frozenset[str]]:
    """A property means what its URI says; one without, or that is used undefined, what its code says."""
    found: dict[Role, frozenset[str]] = {}
    for role in ROLES:
        codes = {role, *(code for code, meant in _ALSO.items() if meant == role)}
        codes = {code for code in codes if not defined.get(code, {}).get("uri")}
        codes |= {code for code, row in defined.items() if row.get("uri") == _URI + role}
        found[role] = frozenset(codes)
    return found


def _join(system: CodeSystem) -> None:
    """Adds what properties say of the hierarchy."""
    for concept in system.concepts.values():
        if "property" not in concept.row:
            continue
        for value in system.values(concept, "parent"):
            if (above := _named(system, value)) is not None:
                _link(above, concept)
        for value in system.values(concept, "child"):
            if (below := _named(system, value)) is not None:
                _link(concept, below)


def _named(system: CodeSystem, value: Any) -> Concept | None:
    code = value.get("code") if isinstance(value, dict) else value
    return system.find(code) if isinstance(code, str) else None


def _link(above: Concept, below: Concept) -> None:
    if above is not below and above.code not in below.parents:
        below.parents.append(above.code)
        above.children.append(below.code)
