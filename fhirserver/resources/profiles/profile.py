"""A compiled profile: what it finds wrong with a resource, and what of it is not checked.

https://hl7.org/fhir/R5/profiling.html
"""

from __future__ import annotations

from dataclasses import dataclass

from fhirserver.errors import Issue
from fhirserver.fhirjson import Resource
from fhirserver.resources.fhirpath import HOST, Host
from fhirserver.resources.findings import LIMIT
from fhirserver.resources.profiles.run import Check, Flaw, Flaws, Item, Note, Run
from fhirserver.resources.profiles.types import is_a
from fhirserver.resources.registry import Release, structure


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile of a type, `url` with its version; without `check` it asks for nothing that could be checked."""

    release: Release
    url: str
    type: str
    check: Check | None
    unchecked: tuple[Note, ...] = ()
    host: Host = HOST

    def flaws(self, run: Run, item: Item) -> Flaws | None:
        """What of an item does not conform; an item that is being checked already is let pass."""
        if not is_a(self.release, item.type, self.type):
            return [Flaw("", "value", f"A {item.type} stands here: the profile '{self.url}' is of {self.type}.")]
        if self.check is None:
            return None
        if (found := structure(self.release, item.type)) is not None and found.kind == "resource":
            if (id(item.value), self.url) in run.active:
                return None
            contained = any(one is item.value for one in run.root.get("contained", ()))
            run = run.at(item.value, self.url, contained)
        return self.check(run, item)

    def issues(
        self, resource: Resource, *, warnings: bool = False, at: str = "", root: Resource | None = None
    ) -> list[Issue]:
        """All that a valid resource lacks to conform, at most LIMIT issues; `at` is its path when it is not the root.

        `warnings` adds what should be rather than must be; `root` is the resource around a contained one.
        """
        kind = str(resource.get("resourceType"))
        run = Run.of(self.release, root if root is not None else resource, warnings, self.host)
        flaws = self.flaws(run, Item(resource, None, kind, "")) or []
        place = at or kind
        return [
            Issue(flaw.severity, flaw.code, f"{flaw.sentence} (Profile {self.url})", (place + flaw.path,), flaw.rule)
            for flaw in flaws[:LIMIT]
        ]
