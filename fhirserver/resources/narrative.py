"""XHTML of a narrative: well formed, the elements that FHIR allows, nothing that runs.

https://hl7.org/fhir/R5/narrative.html#xhtml
"""

from __future__ import annotations

import re
from typing import Any
from xml.parsers import expat

from fhirserver.resources.findings import Findings, one, shown

NAMESPACE = "http://www.w3.org/1999/xhtml"
_MAX_LEVELS = 200

_TAGS = """
a abbr acronym address area b bdo big blockquote br caption cite code col colgroup dd del dfn div dl dt em
h1 h2 h3 h4 h5 h6 hr i img ins kbd li map ol p pre q s samp small span strong sub sup
table tbody td tfoot th thead tr tt u ul var
"""
_ELEMENTS = frozenset(_TAGS.split())
_NAMES = """
id class style title lang xml:lang xml:space dir accesskey tabindex xmlns
align valign char charoff clear compact start type value width height size noshade face color bgcolor
abbr axis headers scope rowspan colspan span nowrap summary border frame rules cellspacing cellpadding
href name hreflang rel rev charset shape coords nohref cite datetime src alt longdesc usemap ismap
"""
_ATTRIBUTES = frozenset(_NAMES.split())
"""Those of HTML 4.0, chapters 7 to 11 and 15, of links and of images."""
_XML = "http://www.w3.org/XML/1998/namespace "
_LINKS = frozenset(("href", "src", "cite", "longdesc", "usemap", "background"))
_RUNS = re.compile(r"(?:java|vb|live)script:|data:(?!image/)", re.I)
_STYLE_RUNS = re.compile(r"(?:java|vb)script:|expression\s*\(|@import|-moz-binding|behavior:", re.I)
_BLANKS = re.compile(r"[\x00-\x20]+")


# What a plain narrative has none of; one that has any is read with the handlers below.
_SUSPECTS = ("<!", "<?", "&#", "script:", "expression", "@import", "moz-binding", "behavior:")
_LIKE_HANDLER = re.compile(r"on\w+\s*=\s*[\"']")
_HANDLER = re.compile(r"[\s\"'/]on\w+\s*=\s*[\"']")
_DATA = re.compile(r"[\"']\s*data:(?!image/)")
_SPACED = re.compile(r"=\s+[\"']")
_TAG = re.compile(r"<([^\s/>]+)")
_HEAD = re.compile(rf"""<div(?:\s[^<>]*)?\sxmlns=["']{re.escape(NAMESPACE)}["'][^<>]*>""")
_VISIBLE = re.compile(r">[^<]*[^<\s]|<img\b")


class _Refused(Exception):
    """Ends the parse with the reason."""


class _Reader:
    """The state of one parse: the level, and whether anything can be seen."""

    def __init__(self) -> None:
        self.level = 0
        self.content = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, tag = name.rpartition(" ")
        if namespace != NAMESPACE:
            raise _Refused(f'<{tag}> is outside XHTML: begin with <div xmlns="{NAMESPACE}">')
        if self.level == 0 and tag != "div":
            raise _Refused(f"the outermost element is <div>, not <{tag}>")
        if tag not in _ELEMENTS:
            raise _Refused(f"<{tag}> is not allowed in a narrative: use formatting elements, tables, links and images")
        self.level += 1
        if self.level > _MAX_LEVELS:
            raise _Refused(f"it is nested deeper than {_MAX_LEVELS} levels")
        if tag == "img":
            self.content = True
        for key, value in attributes.items():
            if key[:2].lower() == "on":
                raise _Refused(f"the event handler {shown(key)} is not allowed: take it out")
            if key.replace(_XML, "xml:") not in _ATTRIBUTES:
                raise _Refused(f"the attribute {shown(key)} is none that a narrative may have: take it out")
            if key in _LINKS and _RUNS.match(_BLANKS.sub("", value)):
                raise _Refused(f"a script in the attribute {shown(key)} is not allowed: take it out")
            if key == "style" and _STYLE_RUNS.search(value):
                raise _Refused("a style that runs code is not allowed: take it out")

    def end(self, _name: str) -> None:
        self.level -= 1

    def text(self, data: str) -> None:
        if not self.content and not data.isspace():
            self.content = True

    def declaration(self, *_: object) -> None:
        raise _Refused("declarations (<!DOCTYPE, <!ENTITY) are not allowed: write the characters themselves")

    def instruction(self, *_: object) -> None:
        raise _Refused("processing instructions (<?…?>) are not allowed: take them out")


def _attributes(text: str) -> set[str]:
    """The names before a '=' with a quote behind it: those of all attributes, and what text looks like one."""
    pieces = text.split('="')
    pieces.pop()
    if len(pieces) != text.count("="):  # some are written otherwise, or an address has parameters
        if _SPACED.search(text):
            return {""}
        pieces += text.split("='")[:-1]
    return {name[0] if (name := piece.rsplit(None, 1)[-1:]) else "" for piece in pieces}


def _plain(text: str) -> bool:
    """Whether the narrative is well formed and plainly harmless, told without a call for each of its tags.

    Well-formed text without '<!' and '<?' has a '<' nowhere but at a tag, so that the tags can be listed.
    """
    lower = text.lower()
    if any(sign in lower for sign in _SUSPECTS) or lower.count("xmlns") != 1:
        return False
    # The first pattern is the fast one: it begins with letters that can be searched for.
    if _LIKE_HANDLER.search(lower) and _HANDLER.search(lower):
        return False
    if "data:" in lower and _DATA.search(lower):
        return False
    if not _HEAD.match(text) or not _VISIBLE.search(text):
        return False
    if not _ELEMENTS.issuperset(_TAG.findall(text)) or not _ATTRIBUTES.issuperset(_attributes(text)):
        return False
    try:
        expat.ParserCreate().Parse(text, True)
    except (expat.ExpatError, UnicodeEncodeError):
        return False
    return True


def xhtml(value: Any) -> Findings | None:
    """Checks Narrative.div. No entity is ever expanded: one has to be declared first, and declarations are refused."""
    if type(value) is not str:
        return one("structure", f"The div is a JSON string of XHTML, not {shown(value)}.")
    if _plain(value):
        return None
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.declaration
    parser.EntityDeclHandler = reader.declaration
    parser.ProcessingInstructionHandler = reader.instruction
    try:
        parser.Parse(value, True)
    except _Refused as reason:
        return one("invalid", f"The narrative is refused: {reason}.")
    except expat.ExpatError as error:
        said = expat.ErrorString(error.code)
        hint = " (write the character itself; XML has no names such as &nbsp;)" if error.code == 11 else ""
        return one("invalid", f"The div is not well-formed XHTML at character {error.offset}: {said}{hint}.")
    except UnicodeEncodeError:
        return one("invalid", "The div holds half of a surrogate pair, which is no character.")
    if not reader.content:
        return one("invalid", "The narrative is empty: give it text a person can read, or leave 'text' out.")
    return None
