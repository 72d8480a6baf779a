"""What a check of a profile works on: the items it meets, the resource around them, and the flaws it finds.

https://hl7.org/fhir/R5/profiling.html. Checks return None when all is well, as in resources/findings.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from fhirserver.fhirjson import Resource, literal
from fhirserver.resources.fhirpath import HOST, Host
from fhirserver.resources.findings import Findings
from fhirserver.resources.registry import Release


class Note(NamedTuple):
    """What a profile says of the element at `path` that is not checked."""

    path: str
    sentence: str


Notes = list[Note]


class Item(NamedTuple):
    """One occurrence of an element: its JSON value, the sibling '_name' of a primitive, its type, and its step.

    `type` is a FHIR type or the path of a backbone element; `step` is its FHIRPath below its parent ('.name[0]').
    """

    value: Any
    beside: Any
    type: str
    step: str

    @property
    def content(self) -> Resource:
        """The JSON object that holds the children: the value itself, or what stands beside a primitive."""
        if type(self.value) is dict:
            return self.value
        return self.beside if type(self.beside) is dict else {}


@dataclass(frozen=True, slots=True)
class Run:
    """One check: `resource` is the one that holds the item, `root` the one that contains that, if any.

    `entries` are the resources of a Bundle by fullUrl, `active` the checks that are under way, for references may
    lead back to where they came from. `seen` holds what was found of a JSON object already, by whoever asked.
    """

    release: Release
    resource: Resource
    root: Resource
    warnings: bool = False
    entries: Mapping[str, Resource] = field(default_factory=dict)
    host: Host = HOST
    active: frozenset[tuple[int, str]] = frozenset()
    seen: dict[tuple[int, object], Any] = field(default_factory=dict)

    @classmethod
    def of(cls, release: Release, resource: Resource, warnings: bool = False, host: Host = HOST) -> Run:
        """The run that begins at a resource; `host` knows the value sets and profiles that expressions ask for."""
        entries = _entries(resource)
        return cls(release, resource, resource, warnings, entries, replace(host, find=entries.get) if entries else host)

    def at(self, resource: Resource, url: str, contained: bool) -> Run:
        """The same run at a resource inside, under the profile `url`."""
        root = self.root if contained else resource
        return replace(self, resource=resource, root=root, active=self.active | {(id(resource), url)})

    def target(self, reference: object) -> tuple[Resource, bool] | None:
        """The resource that a literal reference names, and whether it is contained; None when it is not at hand."""
        if not isinstance(reference, str):
            return None
        if reference.startswith("#"):
            if reference == "#":
                return self.root, False
            inside = self.root.get("contained")
            for one in inside if isinstance(inside, list) else ():
                if isinstance(one, dict) and one.get("id") == reference[1:]:
                    return one, True
            return None
        found = self.entries.get(reference)
        if found is None and (parts := literal(reference)) is not None:
            found = self.entries.get(parts.local)
        return None if found is None else (found, False)


def _entries(resource: Resource) -> dict[str, Resource]:
    """The resources of a Bundle by fullUrl and by Type/id."""
    if resource.get("resourceType") != "Bundle":
        return {}
    found: dict[str, Resource] = {}
    for entry in resource.get("entry", ()):
        inner = entry.get("resource")
        if isinstance(inner, dict):
            if isinstance(inner.get("id"), str):
                found.setdefault(f"{inner.get('resourceType')}/{inner['id']}", inner)
            if isinstance(entry.get("fullUrl"), str):
                found[entry["fullUrl"]] = inner
    return found


Check = Callable[[Run, Item], Findings | None]
"""Looks at one item; None when it conforms."""

Member = Callable[[Run, Item], Findings | None]
"""Looks at all occurrences of one child of an item."""


def together(checks: list[Check]) -> Check | None:
    """One check of several; None for none."""
    if len(checks) < 2:
        return checks[0] if checks else None
    each = tuple(checks)

    def check(run: Run, item: Item) -> Findings | None:
        flaws: Findings | None = None
        for one in each:
            if (found := one(run, item)) is not None:
                flaws = found if flaws is None else flaws + found
        return flaws

    return check
