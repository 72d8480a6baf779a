"""A compiled profile: what it finds wrong with a resource, and what of it is not checked.

https://hl7.org/fhir/R5/profiling.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fhirserver.errors import Issue
from fhirserver.fhirjson import Resource
from fhirserver.resources.fhirpath import HOST, Host
from fhirserver.resources.findings import LIMIT, Finding, Findings
from fhirserver.resources.profiles.run import Check, Item, Note, Run
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

    def flaws(self, run: Run, item: Item) -> Findings | None:
        """What of an item does not conform; an item that is being checked already is let pass."""
        if not is_a(self.release, item.type, self.type):
            return [Finding("", "value", f"A {item.type} stands here: the profile '{self.url}' is of {self.type}.")]
        if self.check is None:
            return None
        if (found := structure(self.release, item.type)) is not None and found.kind == "resource":
            if (id(item.value), self.url) in run.active:
                return None
            contained = any(one is item.value for one in run.root.get("contained", ()))
            run = run.at(item.value, self.url, contained)
        if type(item.value) is not dict:
            return self.check(run, item)
        key = (id(item.value), self.url)
        if key not in run.seen:
            run.seen[key] = self.check(run, item)
        known: Findings | None = run.seen[key]
        return known

    def issues(
        self, resource: Resource, *, warnings: bool = False, at: str = "", root: Resource | None = None
    ) -> list[Issue]:
        """All that a valid resource lacks to conform, at most LIMIT issues; `at` is its path when it is not the root.

        `warnings` adds what should be rather than must be; `root` is the resource around a contained one.
        """
        kind = str(resource.get("resourceType"))
        run = Run.of(self.release, root if root is not None else resource, warnings, self.host)
        try:
            flaws = self.flaws(run, Item(resource, None, kind, "")) or []
        except RecursionError:
            flaws = [Finding("", "too-costly", "It is nested too deeply to be checked: make it flatter.")]
        place = at or kind
        return [
            Issue(flaw.severity, flaw.code, f"{flaw.sentence} (Profile {self.url})", (place + flaw.path,), flaw.key)
            for flaw in flaws[:LIMIT]
        ]

    def notes(self, resource: Resource, *, at: str = "") -> list[Issue]:
        """What the profile says of elements that this resource has, and what was not checked."""
        kind = str(resource.get("resourceType"))
        found = []
        for path, said in self.unchecked:
            if _has(resource, path.split(".")[1:]):
                place = (at or kind) + path.removeprefix(path.partition(".")[0]).replace("[x]", "")
                found.append(Issue("information", "informational", f"{said} (Profile {self.url})", (place,)))
        return found


def _has(value: Any, path: Sequence[str]) -> bool:
    """Whether a resource has an element, of whatever type where it is a choice."""
    if not path:
        return True
    if isinstance(value, list):
        return any(_has(one, path) for one in value)
    if not isinstance(value, dict):
        return False
    name, rest = path[0], path[1:]
    if name.endswith("[x]"):
        head = name.removesuffix("[x]")
        return any(_has(one, rest) for key, one in value.items() if key.startswith((head, f"_{head}")))
    return any(_has(value[key], rest) for key in (name, f"_{name}") if key in value)
