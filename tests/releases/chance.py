"""Resources of any type as chance will have them: every element of the tables in every way JSON writes it."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from fhirserver.resources.registry import Element, Release, codes, is_primitive, structure
from tests.made import PRIMITIVES

Json = dict[str, Any]

_SPENT = 60
"""Objects after which nothing but what is mandatory is added."""


def resource(release: Release, type_: str, seed: int) -> Json:
    """A resource whose shape is right; its codes are of the required value sets, its words say nothing."""
    made = _Maker(release, random.Random(seed))
    return {"resourceType": type_} | made.node(type_, 0)


class _Maker:
    def __init__(self, release: Release, chance: random.Random) -> None:
        self._release, self._chance, self._spent = release, chance, 0

    def node(self, name: str, depth: int) -> Json:
        found = structure(self._release, name)
        assert found is not None, name
        self._spent += 1
        rate = 0.35 if depth == 0 else 0.25 if self._spent < _SPENT and depth < 6 else 0.0
        made: Json = {}
        for head, names in found.choices.items():
            if name == "Extension" or found.elements[names[0]].min or self._chance.random() < rate:
                assert head
                made |= self._element(
                    found.elements[self._chance.choice(self._simple(found.elements, names, depth))], depth
                )
        for element in found.elements.values():
            if element.choice or element.name in ("contained", "modifierExtension", "resourceType", "id", "url"):
                continue
            if element.type in ("Resource", "xhtml", "Narrative"):
                continue
            if name == "Extension" and element.name == "extension":
                continue
            rare = rate / 4 if element.name == "extension" else rate
            if element.min or self._chance.random() < rare:
                made |= self._element(element, depth)
        if name == "Extension":
            made["url"] = f"http://example.org/{self._chance.randrange(3)}"
        elif "url" in found.elements and found.elements["url"].type != "Resource" and self._chance.random() < rate:
            made |= self._element(found.elements["url"], depth)
        if not made:
            plain = [e for e in found.elements.values() if e.name not in ("id", "extension", "modifierExtension")]
            simple = [e for e in plain if is_primitive(self._release, e.type)] or plain
            made |= self._element(simple[0], depth) if simple else {"extension": [self.node("Extension", 9)]}
        return made

    def _simple(self, elements: Any, names: tuple[str, ...], depth: int) -> list[str]:
        """Choices among types; deep down only among the simple ones, so that it ends."""
        if depth < 4 and self._spent < _SPENT:
            return list(names)
        return [name for name in names if is_primitive(self._release, elements[name].type)] or list(names)

    def _element(self, element: Element, depth: int) -> Json:
        count = self._chance.choice((1, 1, 2, 3)) if element.many else 1
        if not is_primitive(self._release, element.type):
            items = [self.node(element.type, depth + 1) for _ in range(count)]
            return {element.name: items if element.many else items[0]}
        values = [self._primitive(element) for _ in range(count)]
        siblings: list[Any] = [None] * count
        if self._chance.random() < 0.15:
            at = self._chance.randrange(count)
            siblings[at] = {"extension": [self.node("Extension", 9)]}
            if self._chance.random() < 0.5:
                values[at] = None
        made: Json = {}
        if any(value is not None for value in values):
            made[element.name] = values if element.many else values[0]
        if any(siblings):
            made["_" + element.name] = siblings if element.many else siblings[0]
        return made

    def _primitive(self, element: Element) -> Any:
        if element.valueset:
            found = codes(self._release, element.valueset)
            if found:
                return self._chance.choice(sorted(found))
        match element.type:
            case "decimal":
                return Decimal(self._chance.choice(("1.00", "0.5", "-3.10")))
            case "integer64":
                return self._chance.choice(("1", "5000000000", "-7"))
            case "string" | "markdown":
                return self._chance.choice(("x", "two words", "y"))
            case "boolean":
                return self._chance.random() < 0.5
        return PRIMITIVES[element.type]
