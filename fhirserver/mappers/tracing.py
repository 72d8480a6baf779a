"""Where each value of a record came to lie: in an element, in an extension or note, in codes, or nowhere and why.

A value counts as told word for word where an element of the mapped resources holds its letters and digits, alone or
within prose. https://hl7.org/fhir/R5/fhirpath.html is the way elements are named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lxml import etree

from fhirserver.errors import Issue
from fhirserver.fhirjson import loads

Fate = Literal["mapped", "kept", "recoded", "left out"]
"""In an element; in an extension or note; in codes or another form; nowhere."""

_INDEX = re.compile(r"\[\d+\]")
_LETTERS = re.compile(r"[\W_]+")
_MOST_TARGETS = 3
"""Elements that are named for one path."""
_SHORT = 4
"""Letters of a value below which it might stand in prose by chance."""
_ASIDE = frozenset({"text", "meta", "resourceType", "id", "fullUrl", "contained"})
_BESIDE = re.compile(r"\.(?:extension|modifierExtension|note)\b")

_DERIVED = {
    "stdAges": "the registry derives it from the age limits",
    "ancestors": "the registry derives it from the terms",
    "browseLeaves": "the registry derives it from the terms",
    "browseBranches": "the registry derives it from the terms",
    "hasResults": "it says that there are results, which are there or not",
}
"""Members that registries work out from others, and why they are left out without a word."""


@dataclass(slots=True)
class Row:
    """One path of a record, without positions: how many values it has, what became of them, and where they lie."""

    path: str
    fate: Fate
    values: int = 0
    targets: dict[str, None] = field(default_factory=dict)
    why: str | None = None

    @property
    def told(self) -> dict[str, Any]:
        """As JSON."""
        found: dict[str, Any] = {"path": self.path, "values": self.values}
        if self.targets:
            found["to"] = list(self.targets)
        if self.why:
            found["why"] = self.why
        return found


def trace(data: bytes, bundle: Mapping[str, Any], issues: Iterable[Issue]) -> list[Row]:
    """The rows of a record, in its order: at most one for each path and fate."""
    reasons = _reasons(issues)
    exact, prose = _output(bundle)
    rows: dict[tuple[str, Fate], Row] = {}
    for path, value in _leaves(data):
        general = _INDEX.sub("[*]", path)
        fate, targets, why = _fate(general, value, reasons, exact, prose)
        row = rows.setdefault((general, fate), Row(general, fate, why=why))
        row.values += 1
        for target in targets:
            if len(row.targets) < _MOST_TARGETS:
                row.targets[target] = None
    return list(rows.values())


def _fate(
    path: str, value: Any, reasons: Mapping[str, str], exact: Mapping[str, str], prose: list[tuple[str, str]]
) -> tuple[Fate, tuple[str, ...], str | None]:
    for start, reason in reasons.items():
        if path == start or path.startswith((f"{start}.", f"{start}[", f"{start}/")):
            return "left out", (), reason
    if isinstance(value, str):
        letters = _LETTERS.sub("", value).casefold()
        target = exact.get(letters)
        if target is None and len(letters) >= _SHORT:
            target = next((element for element, text in prose if letters in text), None)
        if target is not None and letters:
            # A short value stands in many elements: which of them is this one's is not said.
            named = (target,) if len(letters) >= _SHORT else ()
            return ("kept" if named and _BESIDE.search(target) else "mapped"), named, None
    for name in re.split(r"[./\[]", path):
        if name in _DERIVED:
            return "left out", (), _DERIVED[name]
    return "recoded", (), None


def _reasons(issues: Iterable[Issue]) -> dict[str, str]:
    """What was reported as left out, by path without positions."""
    found: dict[str, str] = {}
    for issue in issues:
        if issue.details == "not-mapped" or "left out" in issue.diagnostics:
            for place in issue.expression:
                found.setdefault(_INDEX.sub("[*]", place), issue.diagnostics)
    return found


def _output(bundle: Mapping[str, Any]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The texts of the resources by their letters, with the element of each; and those that are prose."""
    exact: dict[str, str] = {}
    prose: list[tuple[str, str]] = []
    for entry in bundle["entry"]:
        resource = entry["resource"]
        for element, text in _elements(resource, resource["resourceType"]):
            letters = _LETTERS.sub("", text).casefold()
            known = exact.get(letters)
            if known is None or (_BESIDE.search(known) and not _BESIDE.search(element)):
                exact[letters] = element
            if len(text) > 40:
                prose.append((element, letters))
    return exact, prose


def _elements(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in _ASIDE or ("." in path and name in ("text", "id")):
                yield from _elements(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _elements(inner, path)
    elif isinstance(value, str):
        yield path, value
    elif value is not None and not isinstance(value, bool):
        yield path, str(value)


def _leaves(data: bytes) -> Iterator[tuple[str, Any]]:
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"{":
        yield from _of_json(loads(data), "")
    elif start == b"<" and (root := _root(data)) is not None:
        yield from _of_xml(root, f"/{etree.QName(root).localname}")
    else:
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            if line.strip():
                yield f"line {number}", line


def _of_json(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _of_json(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _of_json(inner, f"{path}[{position}]")
    elif value not in (None, ""):
        yield path, value if isinstance(value, str | bool) else str(value)


def _root(data: bytes) -> etree._Element | None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        return None


def _of_xml(element: etree._Element, path: str) -> Iterator[tuple[str, Any]]:
    for name, value in element.attrib.items():
        yield f"{path}/@{name}", str(value)
    if element.text and element.text.strip():
        yield path, element.text
    for child in element:
        if isinstance(child.tag, str):
            yield from _of_xml(child, f"{path}/{etree.QName(child).localname}")
