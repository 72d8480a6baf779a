"""A cursor over an XML element that remembers which of its texts and attributes nobody asked for.

https://www.w3.org/TR/xml/, https://lxml.de/parsing.html#parser-options
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from lxml import etree

from fhirserver.errors import Issue, Malformed
from fhirserver.mappers.readers.plain import visible


@dataclass(frozen=True, slots=True)
class Found:
    """A value and the XPath of the element or attribute that says it."""

    value: Any
    path: str


class Element:
    """One element; its members are taken by tag, and `unread` tells what was not."""

    __slots__ = ("_children", "_parts", "_taken", "element", "path")

    def __init__(self, element: etree._Element, path: str) -> None:
        self.element = element
        self.path = path
        self._parts: dict[str, list[etree._Element]] = {}
        for part in element:
            self._parts.setdefault(part.tag, []).append(part)
        self._taken: set[str] = set()
        self._children: dict[str, list[Element]] = {}

    def children(self, tag: str) -> list[Element]:
        """The elements of a tag, in order; the same ones each time."""
        found = self._children.get(tag)
        if found is None:
            parts = self._parts.get(tag, ())
            several = len(parts) > 1
            found = self._children[tag] = [
                Element(part, f"{self.path}/{tag}[{number}]" if several else f"{self.path}/{tag}")
                for number, part in enumerate(parts, 1)
            ]
        return found

    def child(self, tag: str) -> Element:
        """The first element of a tag, an empty one where there is none."""
        found = self.children(tag)
        if not found:
            found.append(Element(etree.Element(tag), f"{self.path}/{tag}"))
        return found[0]

    def tags(self) -> Iterable[str]:
        """The tags of its elements, each once."""
        return self._parts.keys()

    def text(self) -> Found | None:
        """What the element says, its lines kept."""
        self._taken.add("")
        value = visible(self.element.text or "")
        return Found(value, self.path) if value else None

    def attribute(self, name: str) -> Found | None:
        """What an attribute says."""
        self._taken.add(name)
        value = visible(self.element.get(name) or "")
        return Found(value, f"{self.path}/@{name}") if value else None

    def one(self, tag: str, turn: Callable[[str], Any] | None = None) -> Found | None:
        """The text of the first element of a tag, turned into another value where asked."""
        if tag not in self._parts:
            return None
        return turned(self.child(tag).text(), turn)

    def all(self, tag: str, turn: Callable[[str], Any] | None = None) -> list[Found]:
        """The texts of all elements of a tag."""
        found = (turned(part.text(), turn) for part in self.children(tag))
        return [one for one in found if one]

    def unread(self) -> list[Issue]:
        """One information a kind of text or attribute that nobody took, with the number of places it stands in."""
        places: Counter[str] = Counter()
        first: dict[str, str] = {}
        todo = [self]
        while todo:
            one = todo.pop()
            said = [f"@{name}" for name in one.element.attrib if name not in one._taken]
            if "" not in one._taken and (one.element.text or "").strip():
                said.append("")
            for name in said:
                path = f"{one.path}/{name}".rstrip("/")
                kind = "/".join(part.partition("[")[0] for part in path.split("/"))
                places[kind] += 1
                first.setdefault(kind, path)
            for tag in one._parts:
                todo.extend(one.children(tag))
        return [
            Issue(
                "information",
                "not-supported",
                f"'{kind.rpartition('/')[2]}' has no place in the resources yet and was left out"
                + (f" ({count} places, the last of them named here)." if count > 1 else "."),
                (first[kind],),
                "not-mapped",
            )
            for kind, count in sorted(places.items())
        ]


def turned(found: Found | None, turn: Callable[[str], Any] | None) -> Found | None:
    """A value turned into another, its path kept; None where nothing comes of it."""
    if found is None or turn is None:
        return found
    value = turn(found.value)
    return None if value is None else Found(value, found.path)


def parse(data: bytes | str) -> Element:
    """The root of a document. No document type is read: with none there are no entities to expand or files to fetch."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Malformed(f"The record is no well-formed XML: {error}. Send it as the registry gave it.") from None
    if root.getroottree().docinfo.doctype:
        raise Malformed("The record has a document type declaration, which is not read: send it without one.")
    return Element(root, f"/{root.tag}")
