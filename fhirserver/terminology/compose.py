"""What the definition of a value set comes to: included codes, systems, filters and value sets, less the excluded.

https://hl7.org/fhir/R5/valueset.html#compositions. A definition that cannot be followed with what is loaded is
answered by the expansion that came with it, where that is a whole one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fhirserver.fhirjson import Resource
from fhirserver.resources.profiles.codes import EVERY
from fhirserver.terminology import builtin, filters
from fhirserver.terminology.codesystem import CodeSystem
from fhirserver.terminology.contents import AS_LOADED, Contents, Versions
from fhirserver.terminology.members import Entry, Members, both, listed, minus, union, unknown
from fhirserver.terminology.reasons import Undecided, named

DEEPEST = 40
"""Value sets that may include each other in a chain."""
_CIRCLE = "processing"

_UNCLOSED = frozenset(
    f"http://hl7.org/fhir/StructureDefinition/valueset-{name}" for name in ("unclosed", "toocostly", "expand-rules")
)


def known(contents: Contents, canonical: str) -> Resource | None:
    """A value set: loaded, else one of the release's own, else one that its URL defines."""
    return contents.valueset(canonical) or builtin.valueset(contents.release, canonical)


def members(contents: Contents, canonical: str, versions: Versions = AS_LOADED) -> Members | None:
    """The codes of a value set; None when it is not known."""
    return _Composer(contents, versions).named(canonical, (), None)


def members_of(contents: Contents, valueset: Resource, versions: Versions = AS_LOADED, name: str = "") -> Members:
    """The codes of a value set that is at hand; with a name they are kept under it."""
    found = _Composer(contents, versions).made(valueset, (), "")
    if name and not versions:
        contents.keep(name, found)
    return found


class _Composer:
    """Works value sets out; those it met are kept with the contents, unless versions are asked for."""

    def __init__(self, contents: Contents, versions: Versions) -> None:
        self._contents, self._versions = contents, versions
        self._met: dict[str, Members] = {} if versions else contents.made

    def _keep(self, canonical: str, found: Members) -> None:
        if self._versions:
            self._met[canonical] = found
        else:
            self._contents.keep(canonical, found)

    def named(self, canonical: str, within: tuple[str, ...], owner: Resource | None) -> Members | None:
        if canonical.startswith("#"):
            inner = _contained(owner, canonical[1:])
            return None if inner is None else self.made(inner, within, canonical)
        met = self._met.get(canonical)
        if met is not None:
            return met
        valueset = known(self._contents, canonical)
        if valueset is None:
            return None
        if canonical in within or len(within) >= DEEPEST:
            return unknown(EVERY, _CIRCLE, f"'{canonical}' includes itself, or others too deeply: mend it.")
        found = self.made(valueset, within, canonical)
        # What was cut short on the way here may be whole when it is asked for by itself.
        if not within or not any(reason.code == _CIRCLE for reason in found.reasons):
            self._keep(canonical, found)
        return found

    def made(self, valueset: Resource, within: tuple[str, ...], canonical: str) -> Members:
        composed = self._composed(valueset, (*within, canonical))
        if composed is not None and not composed.open:
            return composed
        expanded = self._expanded(valueset)
        if expanded is not None and (not expanded.open or composed is None):
            return expanded
        said = named(str(valueset.get("url") or canonical or "The value set"), valueset.get("version"))
        return composed or unknown(EVERY, "incomplete", f"'{said}' has neither definition nor expansion: load one.")

    def _composed(self, valueset: Resource, within: tuple[str, ...]) -> Members | None:
        compose = valueset.get("compose")
        if not isinstance(compose, dict):
            return None
        found = union([self._part(row, within, valueset) for row in compose.get("include", ())])
        for row in compose.get("exclude", ()):
            found = minus(found, self._part(row, within, valueset))
        if compose.get("inactive") is False:
            kept = {key: each for key, each in found.entries.items() if not each.inactive}
            found = Members(kept, found.open, found.folded, found.reasons, found.used)
        return found

    def _part(self, row: Mapping[str, Any], within: tuple[str, ...], owner: Resource) -> Members:
        """What one include or exclude stands for: its system's codes that are in all of its value sets."""
        parts = []
        system = row.get("system")
        if isinstance(system, str):
            parts.append(self._system(system, row))
        parts += [self._imported(each, within, owner) for each in row.get("valueSet", ())]
        found = parts[0] if parts else Members()
        for other in parts[1:]:
            found = both(found, other)
        return found

    def _imported(self, canonical: str, within: tuple[str, ...], owner: Resource) -> Members:
        found = self.named(canonical, within, owner)
        if found is None:
            return unknown(EVERY, "not-found", f"The value set '{canonical}' is not loaded: store its ValueSet.")
        if canonical.startswith("#"):
            return found
        said = known(self._contents, canonical) or {}
        name = named(str(said.get("url", canonical)), said.get("version"))
        return Members(found.entries, found.open, found.folded, found.reasons, (("used-valueset", name), *found.used))

    def _system(self, url: str, row: Mapping[str, Any]) -> Members:
        written = row.get("version")
        checked = self._versions.check.get(url)
        if checked and written and written != checked and url not in self._versions.force:
            return unknown(url, "invalid", f"Version {checked} of '{url}' is asked for, the value set names {written}.")
        version = self._versions.of(url, written)
        system = self._contents.codesystem(url, version)
        used = (("used-codesystem", named(url, system.version)),) if system is not None else ()
        folded = frozenset({url}) if system is not None and system.folded else frozenset()
        if "concept" in row:
            entries = _listed(url, version, system, row["concept"])
            if row.get("filter"):
                return both(listed(entries, folded, used), self._whole(url, version, system, row, folded, used))
            return listed(entries, folded, used)
        return self._whole(url, version, system, row, folded, used)

    def _whole(
        self,
        url: str,
        version: str | None,
        system: CodeSystem | None,
        row: Mapping[str, Any],
        folded: frozenset[str],
        used: tuple[tuple[str, str], ...],
    ) -> Members:
        """The codes of a system that pass the filters; all of them where there are none."""
        if system is None:
            said = named(url, version)
            return unknown(url, "not-found", f"The code system '{said}' is not loaded: store its CodeSystem.")
        try:
            chosen = filters.chosen(system, row["filter"]) if row.get("filter") else list(system.concepts.values())
        except Undecided as error:
            return Members(open=frozenset({url}), folded=folded, reasons=(error.reason,), used=used)
        found = listed((Entry(url, system.version, each.code, {}, system, each) for each in chosen), folded, used)
        if system.complete:
            return found
        said = f"'{named(url, system.version)}' is loaded in part only (content: {system.content}): load all of it."
        # What a filter leaves out of a part may pass it in the whole, and the reverse.
        entries = {} if row.get("filter") else found.entries
        return Members(entries, frozenset({url}), folded, unknown(url, "not-found", said).reasons, used)

    def _expanded(self, valueset: Resource) -> Members | None:
        """The codes of the expansion that came with the value set; open unless it is the whole one."""
        expansion = valueset.get("expansion")
        if not isinstance(expansion, dict):
            return None
        rows = list(_rows(expansion.get("contains", ())))
        coded = [row for row in rows if isinstance(row.get("system"), str) and isinstance(row.get("code"), str)]
        systems = {url: self._contents.codesystem(url) for url in {row["system"] for row in coded}}
        folded = frozenset(url for url, system in systems.items() if system is not None and system.folded)
        total = expansion.get("total", len(coded))
        cut = total not in (len(coded), len(rows)) or bool(expansion.get("offset"))
        cut = cut or any(one.get("url") in _UNCLOSED for one in expansion.get("extension", ()))
        found = listed((_stored(row, systems[row["system"]]) for row in coded), folded)
        if not cut:
            return found
        said = f"The expansion of '{valueset.get('url', 'the value set')}' that is loaded is not the whole one."
        return Members(found.entries, frozenset({EVERY}), folded, unknown(EVERY, "incomplete", said).reasons)


def _listed(
    url: str, version: str | None, system: CodeSystem | None, rows: Iterable[Mapping[str, Any]]
) -> Iterator[Entry]:
    """The codes that a value set lists; those that a whole code system does not have are none of it."""
    for row in rows:
        code = row.get("code")
        if isinstance(code, str):
            concept = system.find(code) if system is not None else None
            if system is not None and concept is not None:
                yield Entry(url, system.version, concept.code, row, system, concept)
            elif system is None or not system.complete:
                yield Entry(url, version, code, row, system)


def _stored(row: Mapping[str, Any], system: CodeSystem | None) -> Entry:
    concept = system.find(row["code"]) if system is not None else None
    code = row["code"] if concept is None else concept.code
    return Entry(row["system"], row.get("version"), code, row, system, concept)


def _rows(contains: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    todo = list(reversed(list(contains)))
    while todo:
        row = todo.pop()
        yield row
        todo += reversed(row.get("contains", ()))


def _contained(owner: Resource | None, id_: str) -> Resource | None:
    for each in (owner or {}).get("contained", ()):
        if each.get("id") == id_ and each.get("resourceType") == "ValueSet":
            return dict(each)
    return None
