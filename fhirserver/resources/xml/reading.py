"""FHIR XML as a resource: one pass of expat over the bytes, each element checked where it opens.

https://hl7.org/fhir/R5/xml.html. Nothing outside the document is ever read: a DTD ends the parse, and without one there
are no entities. Expat and not lxml, because it tells where in the bytes a narrative begins and ends: narratives are
kept as they were sent (`<td></td>` is not `<td/>` to a browser), and no attribute is too long for it.
"""

from __future__ import annotations

from xml.parsers import expat

from fhirserver.errors import Malformed
from fhirserver.fhirjson import MAX_DEPTH, Resource
from fhirserver.resources.findings import shown
from fhirserver.resources.registry import Release
from fhirserver.resources.xml.frames import Frame
from fhirserver.resources.xml.layout import Slot, children, layout, roots
from fhirserver.resources.xml.markup import XML, Markup, expanded
from fhirserver.resources.xml.strangers import strange_attribute, strange_element
from fhirserver.resources.xml.values import BadText, value_of

_UNDEFINED_ENTITY = 11


def from_xml(release: Release, data: bytes) -> Resource:
    """The resource of a UTF-8 document; Malformed, with the element's path, for what is no FHIR XML."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Malformed("The body is UTF-16: FHIR is sent in UTF-8.")
    try:
        return _Reader(release, data).read()
    except _NotAlone:
        return _Reader(release, data, verbatim=False).read()


class _NotAlone(Exception):
    """A narrative takes its namespace from outside, so that its bytes do not stand alone."""


class _Reader:
    """The state of one parse. `verbatim`: narratives are cut out of the bytes; else they are written anew."""

    def __init__(self, release: Release, data: bytes, *, verbatim: bool = True) -> None:
        self._release: Release = release
        self._data = data
        self._verbatim = verbatim
        self._document = self._frame = Frame(None, Slot("", 0, "container", "Resource"), roots(release))
        # Prefixes declared on the element that opens next; None is the default namespace.
        self._declared: list[str | None] = []
        # Of the narrative that is open: its levels, where it began, and whether nothing stood in it yet.
        self._levels = 0
        self._began = 0
        self._hollow = True
        self._markup = Markup()
        parser = expat.ParserCreate("utf-8", " ")
        parser.namespace_prefixes = True
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartNamespaceDeclHandler = self._namespace
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        self._parser = parser

    def read(self) -> Resource:
        try:
            self._parser.Parse(self._data, True)
        except expat.ExpatError as error:
            where = f"{expat.ErrorString(error.code)} at line {error.lineno}, column {error.offset + 1}"
            hint = " (write the character itself; XML has no names such as &nbsp;)"
            raise Malformed(f"The body is not XML: {where}{hint if error.code == _UNDEFINED_ENTITY else ''}.") from None
        return self._document.out

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding and encoding.lower() not in ("utf-8", "utf8", "us-ascii"):
            raise Malformed(f"The body is declared as {shown(encoding)}: FHIR is sent in UTF-8.")

    def _doctype(self, *_: object) -> None:
        raise Malformed("A DTD is not allowed in FHIR: take <!DOCTYPE …> out.")

    def _namespace(self, prefix: str | None, _uri: str | None) -> None:
        self._declared.append(prefix)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._levels:
            self._inside(name, attributes)
            return
        frame = self._frame
        slot = frame.places.get(name)
        if slot is None:
            # The same name under a prefix, or one that does not belong here.
            slot = frame.places.get(" ".join(expanded(name)))
            if slot is None:
                where, sentence = strange_element(self._release, frame, *expanded(name))
                raise self._refused(sentence, where)
        self._check_place(frame, slot)
        frame.order, frame.last = slot.order, slot.name
        declared, self._declared = self._declared, []
        match slot.kind:
            case "primitive":
                places = children(self._release, "Element")
            case "complex" | "root":
                places = children(self._release, slot.type)
            case "container":
                places = roots(self._release)
            case "xhtml":
                places = {}
        self._frame = opened = Frame(frame, slot, places)
        if slot.kind == "xhtml":
            if self._verbatim and (None not in declared or name.count(" ") > 1):
                raise _NotAlone
            self._began = self._parser.CurrentByteIndex
            self._inside(name, attributes)
            self._hollow = True
            return
        if slot.kind == "root":
            opened.out["resourceType"] = slot.type
        if attributes:
            self._attributes(opened, attributes)
        if opened.depth > MAX_DEPTH and slot.kind != "primitive":
            raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.", code="too-long")

    def _check_place(self, frame: Frame, slot: Slot) -> None:
        if slot.order < frame.order:
            raise self._refused(
                f"<{slot.name}> comes after <{frame.last}> but belongs before it: keep the order of the definitions.",
                frame.child_path(slot),
            )
        if slot.kind == "root":
            if frame.out:
                raise self._refused("Only one resource goes here: give each an element of its own.", frame.path())
        elif not slot.many and slot.order == frame.order and frame.has(slot.name):
            raise self._refused(f"<{slot.name}> is not repeated: send one.", frame.child_path(slot))

    def _attributes(self, opened: Frame, attributes: dict[str, str]) -> None:
        slot = opened.slot
        primitive = slot.kind == "primitive"
        known = layout(self._release, "Element" if primitive else slot.type)
        for name, text in attributes.items():
            if primitive and name == "value":
                try:
                    opened.value = value_of(slot.type, text)
                except BadText as reason:
                    raise self._refused(f"In <{slot.name}>, {reason}.", opened.path()) from None
                continue
            place = known.get(name)
            if place is None or not place.attribute:
                raise self._refused(strange_attribute(slot, *expanded(name)), opened.path())
            if not text:
                raise self._refused(f"The attribute '{name}' is empty: leave it out.", opened.path())
            opened.out[name] = text

    def _end(self, _name: str) -> None:
        if self._levels:
            self._outside()
            if self._levels:
                return
        frame = self._frame
        parent = frame.parent
        assert parent is not None
        if not frame.out and frame.value is None:
            what = "a resource" if frame.slot.kind == "container" else "content"
            raise self._refused(f"<{frame.slot.name}> is empty: give it {what}, or leave it out.", frame.path())
        frame.close()
        self._frame = parent

    def _text(self, text: str) -> None:
        if self._levels:
            self._hollow = False
            if not self._verbatim:
                self._markup.text(text)
        elif not text.isspace():
            raise self._refused(
                f"The text {shown(text.strip())} stands between elements: a value goes into the attribute 'value'.",
                self._frame.path(),
            )

    def _inside(self, name: str, attributes: dict[str, str]) -> None:
        """A tag of a narrative opens."""
        self._levels += 1
        self._hollow = False
        self._declared.clear()
        if not self._verbatim:
            self._markup.start(name, attributes)
        elif name.count(" ") > 1 or any(" " in key and expanded(key)[0] != XML for key in attributes):
            raise _NotAlone

    def _outside(self) -> None:
        """A tag of a narrative closes; with the last one the narrative is complete."""
        self._levels -= 1
        if not self._verbatim:
            self._markup.end()
        if self._levels:
            return
        if self._verbatim:
            at = self._parser.CurrentByteIndex
            # At the end of <div/> the parser stands behind the tag, else before </div>.
            closed = self._hollow and self._data[at - 2 : at] == b"/>"
            stop = at if closed else self._data.index(b">", at) + 1
            self._frame.value = self._data[self._began : stop].decode()
        else:
            self._frame.value, self._markup = str(self._markup), Markup()

    def _refused(self, sentence: str, where: str) -> Malformed:
        said = f"{sentence[:-1]} (line {self._parser.CurrentLineNumber})."
        return Malformed(said, expression=where or ())
