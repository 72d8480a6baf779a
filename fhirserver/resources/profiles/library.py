"""The profiles that are loaded, found by canonical, compiled when first asked for.

https://hl7.org/fhir/R5/references.html#canonical
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fhirserver.fhirjson import Resource
from fhirserver.resources import fhirpath
from fhirserver.resources.canonicals import parts, rank
from fhirserver.resources.fhirpath import HOST, Host
from fhirserver.resources.findings import Findings
from fhirserver.resources.profiles import codes
from fhirserver.resources.profiles.codes import Find
from fhirserver.resources.profiles.compile import Compiler
from fhirserver.resources.profiles.profile import Profile
from fhirserver.resources.profiles.run import Item, Note, Notes, Run
from fhirserver.resources.profiles.snapshot import HL7, Node, tree
from fhirserver.resources.registry import Release

_OWN: tuple[Resource, ...] = tuple(
    {
        "resourceType": "StructureDefinition",
        "url": f"{HL7}{name}",
        "type": "Quantity",
        "derivation": "constraint",
        "snapshot": {"element": [{"path": "Quantity"}, {"path": "Quantity.comparator", "min": 0, "max": "0"}]},
    }
    for name in ("SimpleQuantity", "MoneyQuantity")
)
"""Profiles that the base types of every release name."""


class Library:
    """What profiles may refer to; later resources of one url and version stand for earlier ones.

    `valuesets` gives the codes of those that are loaded.
    """

    def __init__(self, release: Release, resources: Iterable[Resource] = (), valuesets: Find = codes.none) -> None:
        self.release = release
        self._by_url: dict[str, dict[str, Resource]] = {}
        self._profiles: dict[str, Profile | None] = {}
        self._trees: dict[str, _Tree | None] = {}
        self._valuesets = valuesets
        self._host = Host(self._member, self._conforms)
        self.add((*_OWN, *resources))

    def add(self, resources: Iterable[Resource]) -> None:
        """Takes more StructureDefinitions; those that refer to them must not have been compiled yet."""
        for resource in resources:
            url, version = resource.get("url"), resource.get("version")
            if isinstance(url, str):
                key = version if isinstance(version, str) else ""
                # A new table each time: another thread may be looking at the old one.
                self._by_url[url] = {**self._by_url.get(url, {}), key: resource}

    def find(self, canonical: str) -> Resource | None:
        """The definition of a canonical: of that version if it names one, else of the newest."""
        url, version = parts(canonical)
        versions = self._by_url.get(url)
        if not versions:
            return None
        return versions.get(version) if version else versions[max(versions, key=rank)]

    def profile(self, canonical: str) -> Profile | None:
        """The compiled profile; None when it is not loaded."""
        if canonical not in self._profiles:
            definition = self.find(canonical)
            self._profiles[canonical] = self._made(canonical, definition) if definition else None
        return self._profiles[canonical]

    def _made(self, canonical: str, definition: Resource) -> Profile:
        url, version = str(definition["url"]), definition.get("version")
        named = f"{url}|{version}" if version else url
        try:
            return self._compiled(canonical, definition, named)
        except RecursionError:
            type_ = _type(definition)
            return Profile(self.release, named, type_, None, (Note(type_, "It is nested too deeply to be read."),))

    def _compiled(self, canonical: str, definition: Resource, named: str) -> Profile:
        type_ = _type(definition)
        if definition.get("derivation") != "constraint":
            note = Note(type_, "It describes a type and is no profile of one: nothing of it is checked.")
            return Profile(self.release, named, type_, None, (note,))
        found = self._tree(canonical)
        if found is None:
            return Profile(self.release, named, type_, None, (Note(type_, "It has no snapshot: load it with one."),))
        # A profile that refers to itself finds itself by its name when it is used.
        compiler = Compiler(self.release, self._later, self._root, self._valuesets)
        check = compiler.compile(found.root, type_)
        notes = tuple(dict.fromkeys([*found.notes, *compiler.notes]))
        return Profile(self.release, named, type_, check, notes, self._host)

    def _member(self, release: Release, url: str, code: str, system: str | None) -> bool | None:
        """memberOf() of an expression: value sets that are loaded, then those of the specification."""
        found = self._valuesets(url)
        return HOST.member(release, url, code, system) if found is None else found.has(system, code)

    def _conforms(self, release: Release, url: str, item: fhirpath.Node) -> bool | None:
        """conformsTo() of an expression: types of the specification, then profiles that are loaded."""
        known = HOST.conforms(release, url, item)
        profile = self.profile(url) if known is None else None
        if profile is None:
            return known
        around = item.value if isinstance(item.value, dict) and "resourceType" in item.value else {}
        flaws = profile.flaws(Run.of(release, around, host=self._host), Item(item.value, item.sibling, item.type, ""))
        return not any(flaw.severity == "error" for flaw in flaws or ())

    def _tree(self, canonical: str) -> _Tree | None:
        if canonical not in self._trees:
            definition = self.find(canonical)
            notes: Notes = []
            root = tree(self.release, definition, notes) if definition else None
            made = _Tree(root, _type(definition), tuple(notes)) if root and definition else None
            self._trees[canonical] = made
        return self._trees[canonical]

    def _root(self, canonical: str) -> tuple[Node, str] | None:
        found = self._tree(canonical)
        return None if found is None else (found.root, found.type)

    def _later(self, canonical: str) -> Later | None:
        definition = self.find(canonical)
        return None if definition is None else Later(self, canonical, _type(definition))


@dataclass(frozen=True, slots=True)
class _Tree:
    root: Node
    type: str
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Later:
    """A profile that is compiled when it is first applied, so that profiles may refer to each other in circles."""

    library: Library
    canonical: str
    type: str

    def flaws(self, run: Run, item: Item) -> Findings | None:
        """What of the item does not conform; see `Profile.flaws`."""
        found = self.library.profile(self.canonical)
        return found.flaws(run, item) if found else None


def _type(definition: Resource) -> str:
    return str(definition.get("type", "")).removeprefix(HL7)
