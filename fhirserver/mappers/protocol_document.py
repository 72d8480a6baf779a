"""The text of a protocol as a Composition: its sections with number, title and formatted text.

https://hl7.org/fhir/R5/composition.html, https://hl7.org/fhir/R5/narrative.html#xhtml
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from fhirserver.mappers.concepts import codeable, coding
from fhirserver.mappers.identity import identifier, reference
from fhirserver.mappers.naming import Naming
from fhirserver.mappers.narrative import narrative
from fhirserver.mappers.protocol_keys import Keys
from fhirserver.mappers.protocol_parts import Document, Protocol, Section
from fhirserver.mappers.readers.plain import visible

Resource = dict[str, Any]

_ALLOWED = {
    *(
        "a",
        "abbr",
        "acronym",
        "b",
        "big",
        "blockquote",
        "br",
        "caption",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "dfn",
    ),
    *("div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "pre", "q"),
    *("samp", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt"),
    *("ul", "var"),
}
_ATTRIBUTES = {
    *("title", "style", "class", "id", "lang", "colspan", "rowspan", "span", "width", "height", "align", "valign"),
    *("alt", "src", "href", "name", "border", "cellpadding", "cellspacing", "headers", "scope", "abbr", "axis"),
}
_DROPPED = {"script", "style", "head", "title", "meta", "link", "iframe", "object", "form", "input", "button"}
_STATUSES = {"final": "final", "draft": "preliminary", "approved": "final", "obsolete": "deprecated"}
_MARKUP = re.compile(r"<[^<>]*>")
_DROPPED_WHOLE = re.compile(r"<(?:script|style|title)\b", re.IGNORECASE)
_NARROW = re.compile(r"[^A-Za-z0-9.-]")
_SAFE = re.compile(r"(?:https?:|mailto:|#|data:image/(?:png|jpeg|gif);)", re.IGNORECASE)
_UNKNOWN = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
_EMPTY = '<div xmlns="http://www.w3.org/1999/xhtml">'


def documents(protocol: Protocol, names: Naming, keys: Keys, author: Resource) -> list[Resource]:
    """One Composition a document; `author` is a link to who answers for it."""
    return [_document(one, names, keys, author) for one in protocol.documents]


def _document(one: Document, names: Naming, keys: Keys, author: Resource) -> Resource:
    id_ = keys.documents[one.named.key]
    title = one.named.title
    found: Resource = {
        "resourceType": "Composition",
        "id": id_,
        "text": narrative(title, [("Study", names.stem), ("Version", one.version), ("Status", one.status)]),
        "identifier": [identifier("Composition", id_)],
    }
    if one.language and one.language.code and re.fullmatch(r"[a-z]{2}(?:-[A-Z]{2})?", one.language.code):
        found["language"] = one.language.code
    if one.version:
        found["version"] = one.version
    found |= {
        "status": _STATUSES.get((one.status or "").partition(" ")[0].casefold(), "unknown"),
        "type": codeable(one.type) if one.type and one.type.code else {"text": "Protocol"},
        "subject": [reference("ResearchStudy", names.stem)],
        **({"date": one.date} if one.date else {"_date": {"extension": [_UNKNOWN]}}),
        "author": [author],
        "name": one.named.name,
        "title": title,
    }
    said = [("Status", one.status), ("Template", one.template), ("Description", one.named.description)]
    if one.language:
        said.append(("Language", " ".join(coding(one.language).values())))
    notes = [f"{name}: {value}" for name, value in said if value]
    notes += [each.value for each in one.dates] + list(one.named.notes)
    if notes:
        found["note"] = [{"text": note} for note in notes]
    sections = [_section(each) for each in one.sections]
    if sections:
        found["section"] = [section for section in sections if section]
    return found


def _section(one: Section) -> Resource | None:
    heading = " ".join(part for part in (one.number, one.title) if part)
    parts_shown = (one.number if one.number_shown else None, one.title if one.title_shown else None)
    shown = " ".join(part for part in parts_shown if part)
    found: Resource = {"id": one.name} if one.name and not any(letter.isspace() for letter in one.name) else {}
    if shown:
        found["title"] = shown
    if heading != shown:
        found["code"] = {"text": heading}
    if one.html and (div := xhtml(one.html)):
        # Unlike that of another element, a narrative's id is one of the narrow kind.
        name = {"id": _NARROW.sub("-", one.item)[:64]} if one.item else {}
        found["text"] = {**name, "status": "additional", "div": div}
    parts = [part for each in one.parts if (part := _section(each))]
    if parts:
        found["section"] = parts
    if "text" not in found and not parts:
        # A section must hold something; a heading alone is said to be without text.
        found["text"] = {"status": "empty", "div": f"{_EMPTY}<p>{escape(heading or one.name, quote=False)}</p></div>"}
    return found


def xhtml(text: str) -> str | None:
    """HTML as the XHTML that a narrative may hold: other elements give way to what they contain, scripts to nothing."""
    text = visible(text)
    try:
        root = lxml_html.fragment_fromstring(text, create_parent="div")
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return f"{_EMPTY}<p>{escape(text, quote=False)}</p></div>"
    for element in list(root.iter()):
        if not isinstance(element.tag, str) or element.tag in _DROPPED:
            _drop(element)
    for element in list(root.iter()):
        tag = element.tag.rpartition(":")[2] if isinstance(element.tag, str) else ""
        if tag not in _ALLOWED and element is not root:
            element.drop_tag()
            continue
        for name in list(element.attrib):
            value = element.attrib[name]
            unsafe = name in ("href", "src") and not _SAFE.match(value)
            if name not in _ATTRIBUTES or unsafe or (name == "style" and "url(" in value):
                del element.attrib[name]
        if tag == "img" and "src" not in element.attrib:
            element.drop_tag()
    for element in list(root.iter("ul", "ol")):
        _listed(element)
    if not "".join(root.itertext()).strip() and root.find(".//img") is None:
        return _worded(text)
    inner = etree.tostring(root, encoding="unicode", method="xml")
    return _EMPTY + inner.partition(">")[2] if not inner.endswith("/>") else None


def _worded(text: str) -> str | None:
    """The words of a text that is too odd to be taken as HTML."""
    words = _MARKUP.sub(" ", text).strip()
    return f"{_EMPTY}<p>{escape(words, quote=False)}</p></div>" if words and not _DROPPED_WHOLE.search(text) else None


def _listed(element: Any) -> None:
    """A list holds items alone: whatever else it has becomes one."""
    texts = [(0, element.text)]
    element.text = None
    for child in list(element):
        tail, child.tail = child.tail, None
        if child.tag != "li":
            item = etree.Element("li")
            element.replace(child, item)
            item.append(child)
        texts.append((len(texts), tail))
    for position, text in reversed(texts):
        if text and text.strip():
            item = etree.Element("li")
            item.text = text
            element.insert(position, item)
    if len(element) == 0:
        element.append(etree.Element("li"))


def _drop(element: Any) -> None:
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + element.tail
        else:
            parent.text = (parent.text or "") + element.tail
    parent.remove(element)
