"""$expand: the codes of a value set as an expansion, in pages or whole, with the words that are asked for.

https://hl7.org/fhir/R5/valueset-operation-expand.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from fhirserver import fhirjson
from fhirserver.errors import Issue, TooCostly, Unprocessable
from fhirserver.fhirjson import Resource
from fhirserver.resources.canonicals import parts
from fhirserver.terminology import properties, words
from fhirserver.terminology.codesystem import CodeSystem
from fhirserver.terminology.contents import Contents
from fhirserver.terminology.members import Entry, Members

_HEAD = ("url", "identifier", "version", "name", "title", "status", "experimental", "date", "publisher", "language")
"""Elements of a value set that tell which one it is."""
DEEPEST = 30
"""Levels of an expansion: what is further down stands at the top."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What of an expansion is asked for; `told` are the parameters of the request, which it records.

    `designations` are (system, code) of uses or languages, with None for a system that is not named. `supplements` are
    those to take words and properties from.
    """

    filter: str | None = None
    offset: int | None = None
    count: int | None = None
    include_designations: bool = False
    designations: tuple[tuple[str | None, str], ...] = ()
    include_definition: bool = False
    active_only: bool = False
    nested: bool = True
    only_for_ui: bool = False
    language: str | None = None
    properties: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    supplements: tuple[CodeSystem, ...] = ()
    told: tuple[Mapping[str, Any], ...] = ()


def whole(members: Members, what: str, where: str | None = None) -> Members:
    """The same members when nothing of the set is unknown; Unprocessable with all that is missing otherwise."""
    if members.open:
        raise Unprocessable(
            Issue("error", reason.code, f"{what} cannot be worked out: {reason.sentence}", (where,) if where else ())
            for reason in members.reasons
        )
    return members


def expanded(contents: Contents, valueset: Resource, members: Members, ask: Ask, most: int) -> Resource:
    """The value set with its expansion; Unprocessable where it cannot be made, TooCostly beyond `most` codes."""
    url = str(valueset.get("url", "The value set"))
    entries = list(_wanted(contents, whole(members, f"'{url}'"), ask))
    start = ask.offset or 0
    page = entries[start:] if ask.count is None else entries[start : start + ask.count]
    if len(page) > most:
        raise TooCostly(
            f"The expansion of '{url}' has {len(entries)} codes, more than {most}: ask for some of them with the "
            "parameter filter, or for a page with count and offset."
        )
    paged = ask.offset is not None or ask.count is not None
    rows = [(entry, _row(contents, entry, ask)) for entry in page]
    nested = ask.nested and not paged and ask.filter is None
    contains = _nested(rows) if nested else [row for _, row in rows]
    stored = valueset.get("expansion") if "compose" not in valueset else None
    kept = stored if isinstance(stored, dict) else {}
    expansion: Resource = {
        "identifier": kept.get("identifier", f"urn:uuid:{uuid4()}"),
        "timestamp": kept.get("timestamp", fhirjson.instant(fhirjson.now())),
        "total": len(entries),
    }
    if paged:
        expansion["offset"] = start
    parameters = [*ask.told, *({"name": name, "valueUri": _uri(canonical)} for name, canonical in members.used)]
    parameters += [{"name": "used-supplement", "valueUri": each.url} for each in ask.supplements]
    if parameters:
        expansion["parameter"] = parameters
    if ask.properties and (defined := properties.definitions((entry for entry, _ in rows), ask.properties)):
        expansion["property"] = defined
    if contains:
        expansion["contains"] = contains
    head = {name: valueset[name] for name in _HEAD if name in valueset}
    if ask.include_definition:
        head |= {name: value for name, value in valueset.items() if name not in ("expansion", "id", "meta", "text")}
    return {"resourceType": "ValueSet", **head, "expansion": expansion}


def _uri(canonical: str) -> str:
    """A canonical as a URI, which has no blanks; some versions have."""
    return parts(canonical)[0] if any(sign.isspace() for sign in canonical) else canonical


def _wanted(contents: Contents, members: Members, ask: Ask) -> Iterator[Entry]:
    excluded = [parts(each) for each in ask.exclude]
    searched = words.plain(ask.filter).split() if ask.filter is not None else []
    for entry in members.entries.values():
        if any(entry.url == url and version in (None, entry.version) for url, version in excluded):
            continue
        if (ask.active_only and entry.inactive) or (ask.only_for_ui and entry.abstract):
            continue
        if searched:
            texts = [entry.code, *words.spellings(entry, [*_own(entry, ask), *_others(contents, entry, ask)])]
            if not words.begins(searched, texts):
                continue
        yield entry


def _own(entry: Entry, ask: Ask) -> list[CodeSystem]:
    """The supplements that are asked for, to the system of a code."""
    return [each for each in ask.supplements if parts(each.supplements or "")[0] == entry.url]


def _others(contents: Contents, entry: Entry, ask: Ask) -> list[CodeSystem]:
    """The other supplements, where words of a language or a use are asked for."""
    if entry.system is None or (ask.language is None and not ask.designations):
        return []
    return [each for each in contents.supplements(entry.system) if each not in ask.supplements]


def _row(contents: Contents, entry: Entry, ask: Ask) -> Resource:
    own, others = _own(entry, ask), _others(contents, entry, ask)
    made: Resource = {"system": entry.url}
    if entry.abstract:
        made["abstract"] = True
    if entry.inactive:
        made["inactive"] = True
    if entry.version:
        made["version"] = entry.version
    made["code"] = entry.code
    shown = words.display(entry, ask.language, [*own, *others])
    if shown is not None:
        made["display"] = shown
    if ask.include_designations or ask.designations:
        rows = [each for each in words.designations(entry, own) if not ask.designations or _asked(each, ask)]
        rows += [each for each in words.designations(entry, others) if each not in rows and _asked(each, ask)]
        if rows:
            made["designation"] = rows
    if ask.properties and (found := properties.in_expansion(entry, ask.properties, own)):
        made["property"] = found
    return made


def _asked(designation: words.Designation, ask: Ask) -> bool:
    """Whether a designation is of a use or a language that is asked for."""
    if not ask.designations:
        return ask.language is not None and words.fits(ask.language, designation.get("language")) > 0
    use, language = designation.get("use") or {}, designation.get("language")
    for system, code in ask.designations:
        if system in (None, "urn:ietf:bcp:47") and words.fits(code, language):
            return True
        if use.get("code") == code and system in (None, use.get("system")):
            return True
    return False


def _nested(rows: Sequence[tuple[Entry, Resource]]) -> list[Resource]:
    """The rows with each one inside that of its first parent, where that is among them."""
    by_code = {(entry.url, entry.code): row for entry, row in rows}
    parents: dict[int, Resource] = {}
    for entry, row in rows:
        above = entry.concept.parents if entry.concept is not None else ()
        parent = next((by_code[entry.url, code] for code in above if (entry.url, code) in by_code), None)
        if parent is not None:
            parents[id(row)] = parent
    top: list[Resource] = []
    for _, row in rows:
        parent = parents.get(id(row))
        if parent is None or not _rooted(parent, parents):
            top.append(row)
        else:
            parent.setdefault("contains", []).append(row)
    return top


def _rooted(row: Resource, parents: Mapping[int, Resource]) -> bool:
    """Whether a row stands in a tree that ends: parents may go in circles, or up too many levels to be written."""
    for _ in range(DEEPEST):
        above = parents.get(id(row))
        if above is None:
            return True
        row = above
    return False
