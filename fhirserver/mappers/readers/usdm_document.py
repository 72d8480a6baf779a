"""The text of a study definition's documents: sections in order, each with its title and HTML.

https://github.com/cdisc-org/DDF-RA (USDM v4: StudyDefinitionDocument, NarrativeContent)
"""

from __future__ import annotations

from collections.abc import Mapping

from fhirserver.mappers.parts import Text, Value
from fhirserver.mappers.protocol_parts import Document, Section
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.usdm_parts import Source, code_of, in_order, joined, references, words


def documents(study: Node, version: Node, source: Source) -> tuple[Document, ...]:
    """Every version of every document."""
    items: dict[str | None, Node] = {}
    for one in version.children("narrativeContentItems"):
        items[one.line("id")] = one
    found = []
    for document in study.children("documentedBy"):
        named = source.named(document)
        language, kind = code_of(document, "language"), code_of(document, "type")
        template = document.line("templateName")
        references(document, "childIds")
        for one in document.children("versions"):
            source.notes(one)
            one.skip("id", "childIds")
            status = code_of(one, "status")
            when = _governance(one, source)
            found.append(
                Document(
                    named,
                    one.line("version"),
                    words(status),
                    language,
                    kind,
                    template,
                    next((date for date, _ in when if date), None),
                    tuple(said for _, said in when),
                    _sections(one.children("contents"), items, source),
                )
            )
    return tuple(found)


def dates(node: Node, source: Source) -> tuple[Text, ...]:
    """'Protocol Effective Date: 2006-07-01 (Protocol Approval; Europe)'."""
    return tuple(said for _, said in _governance(node, source))


def _governance(node: Node, source: Source) -> list[tuple[str | None, Text]]:
    """Each date, where it is one, and all that is said of it."""
    found = []
    for one in node.children("dateValues"):
        named = source.named(one)
        kind = code_of(one, "type")
        date, told = one.date("dateValue"), one.line("dateValue")
        about = joined((named.name, named.label, named.description, *scopes(one)))
        if told:
            said = f"{words(kind) or named.title}: {told} ({about})"
            found.append((date, Value(said, one.at("dateValue"))))
    return found


def scopes(node: Node) -> tuple[str, ...]:
    """Where something holds: 'Global', 'Region: Europe'."""
    found: list[str] = []
    for one in node.children("geographicScopes"):
        found += scope(one)
    return tuple(found)


def scope(node: Node) -> tuple[str, ...]:
    """One place."""
    node.skip("id")
    kind, code = code_of(node, "type"), code_of(node, "code")
    said = joined((words(kind), words(code)), ": ")
    return (said,) if said else ()


def _sections(nodes: list[Node], items: Mapping[str | None, Node], source: Source) -> tuple[Section, ...]:
    by_key = {one.line("id"): one for one in in_order(nodes)}
    below = {key for one in nodes for key in references(one, "childIds")}

    def section(key: str | None, node: Node, seen: frozenset[str | None]) -> Section:
        item = items.get(node.line("contentItemId"))
        html = None
        if item is not None:
            item.skip("id")
            said = item.said("text")
            html = source.texts.resolved(said) if said else None
        parts = tuple(
            section(child, by_key[child], seen | {key})
            for child in references(node, "childIds")
            if child in by_key and child not in seen and child != key
        )
        return Section(
            node.line("name") or key or "",
            node.line("sectionNumber"),
            node.line("sectionTitle"),
            html,
            parts,
            _shown(node, "displaySectionNumber"),
            _shown(node, "displaySectionTitle"),
            item.line("name") if item is not None else None,
            node.path,
        )

    return tuple(section(key, one, frozenset()) for key, one in by_key.items() if key not in below)


def _shown(node: Node, name: str) -> bool:
    """Whether a part of the heading is printed; it is where nothing is said."""
    flag = node.flag(name)
    return flag is None or flag.value
