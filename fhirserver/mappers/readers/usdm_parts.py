"""What the objects of a study definition have in common: names, codes, quantities, rules, notes.

https://github.com/cdisc-org/DDF-RA (USDM v4)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from fhirserver.errors import Issue
from fhirserver.mappers.parts import Age, Text, Value
from fhirserver.mappers.protocol_parts import Coded, Named, Rule
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.usdm_text import Texts, number

_SYSTEMS = {
    "SNOMED": "http://snomed.info/sct",
    "SNOMED CT": "http://snomed.info/sct",
    "ICD-10-CM": "http://hl7.org/fhir/sid/icd-10-cm",
    "ICD-10": "http://hl7.org/fhir/sid/icd-10",
    "LOINC": "http://loinc.org",
    "MedDRA": "http://terminology.hl7.org/CodeSystem/mdr",
    "UCUM": "http://unitsofmeasure.org",
    "ISO 3166 1 alpha3": "urn:iso:std:iso:3166",
}
_AGES = {"year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min"}
_URI = re.compile(r"(?:https?://|urn:)\S+")


@dataclass(frozen=True, slots=True)
class Source:
    """What a reader of study definitions carries: texts to resolve, issues to add to."""

    texts: Texts
    issues: list[Issue]

    def prose(self, node: Node, name: str = "text") -> str | None:
        """Prose with its references resolved, by the dictionary that its object names."""
        said = node.said(name)
        return self.texts.plain(said, node.line("dictionaryId")) or None if said else None

    def text(self, node: Node, name: str) -> Text | None:
        """Prose with its path."""
        said = self.prose(node, name)
        return Value(said, node.at(name)) if said else None

    def named(self, node: Node) -> Named:
        """Key, name, label, description, notes."""
        key = node.line("id") or node.path
        name = node.line("name") or node.line("label") or key
        label = node.line("label")
        return Named(
            key,
            name,
            label if label != name else None,
            self.prose(node, "description"),
            self.notes(node),
            node.path,
        )

    def notes(self, node: Node) -> tuple[str, ...]:
        """Comments on an object."""
        found = []
        for note in node.children("notes"):
            note.skip("id")
            for code in note.children("codes"):
                coded(code)
            if said := self.prose(note):
                found.append(said)
        return tuple(found)

    def rules(self, node: Node) -> tuple[Rule, ...]:
        """When it starts and when it ends."""
        found = []
        kinds: tuple[tuple[str, Literal["start", "stop"]], ...] = (
            ("transitionStartRule", "start"),
            ("transitionEndRule", "stop"),
        )
        for member, kind in kinds:
            rule = node.child(member)
            rule.skip("id")
            if said := self.prose(rule):
                note = ", ".join(part for part in (rule.line("label"), self.prose(rule, "description")) if part)
                found.append(Rule(kind, said, rule.line("name"), note or None))
        return tuple(found)


def system(name: str | None) -> str | None:
    """The address of a terminology; None for a code of the sponsor's own."""
    if name is None:
        return None
    return _SYSTEMS.get(name) or (name if _URI.fullmatch(name) else None)


def coded(node: Node) -> Coded | None:
    """A Code, or an AliasCode with its other codes."""
    node.skip("id")
    standard = node.child("standardCode")
    if not standard.empty:
        found = coded(standard)
        others = tuple(one for alias in node.children("standardCodeAliases") if (one := coded(alias)))
        return found and Coded(found.display, found.code, found.system, found.version, others, found.path)
    code, words = node.line("code"), node.line("decode")
    name, version = node.line("codeSystem"), node.line("codeSystemVersion")
    if not (words or code):
        return None
    return Coded(words or code or "", code, system(name), version, path=node.path)


def code_of(node: Node, name: str) -> Coded | None:
    """The code in a member."""
    return coded(node.child(name))


def codes_of(node: Node, name: str) -> tuple[Coded, ...]:
    """The codes in a list."""
    return tuple(found for one in node.children(name) if (found := coded(one)))


def count(node: Node) -> int | None:
    """A Quantity that counts people."""
    node.skip("id")
    value = node.number("value")
    return int(value) if value is not None and value == int(value) and value >= 0 else None


def quantity(node: Node) -> tuple[Decimal | int, Coded | None] | None:
    """A Quantity with its unit."""
    node.skip("id")
    value, unit = node.number("value"), code_of(node, "unit")
    return None if value is None else (value, unit)


def words(code: Coded | None) -> str | None:
    """'Oral Route of Administration (C38288)': a code that is said in prose alone."""
    if code is None:
        return None
    return f"{code.display} ({code.code})" if code.code and code.code != code.display else code.display


def quantity_words(node: Node) -> str | None:
    """'54 Milligram'."""
    found = quantity(node)
    return f"{number(found[0])} {words(found[1]) or ''}".strip() if found else None


def limits(node: Node) -> tuple[Age | None, Age | None]:
    """The ages of a Range."""
    node.skip("id")
    node.flag("isApproximate")
    return _age(node.child("minValue")), _age(node.child("maxValue"))


def _age(node: Node) -> Age | None:
    found = quantity(node)
    if found is None or found[0] != int(found[0]) or found[0] < 0:
        return None
    word = (found[1].display if found[1] else "Year").casefold().rstrip("s")
    return Age(int(found[0]), _AGES[word], word, node.path) if word in _AGES else None


def references(node: Node, name: str) -> tuple[str, ...]:
    """The keys of other objects."""
    return tuple(one.value for one in node.lines(name))


def in_order(nodes: list[Node]) -> list[Node]:
    """Objects as their links chain them; as they are listed where the links do not lead through all of them."""
    by_key = {node.line("id"): node for node in nodes}
    following = {key: node.line("nextId") for key, node in by_key.items()}
    before = {key: node.line("previousId") for key, node in by_key.items()}
    firsts = [key for key, earlier in before.items() if earlier not in by_key]
    key = firsts[0] if len(firsts) == 1 else None
    found: list[Node] = []
    while key in by_key and len(found) < len(nodes):
        found.append(by_key[key])
        key = following[key]
    return found if len(found) == len(nodes) else nodes


def joined(parts: Iterable[str | None], between: str = "; ") -> str:
    """The parts there are, in one line."""
    return between.join(part for part in parts if part)


def pruned(value: Any) -> Any:
    """A record without its empty members and the names of its classes, which say nothing of the study."""
    if isinstance(value, dict):
        found = {name: pruned(one) for name, one in value.items() if name != "instanceType"}
        return {name: one for name, one in found.items() if one not in (None, "", [], {})}
    if isinstance(value, list):
        return [pruned(one) for one in value]
    return value
