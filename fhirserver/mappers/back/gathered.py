"""The resources of one study, found by the references between them.

https://hl7.org/fhir/R5/references.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.fhirjson import Resource

STUDY = "ResearchStudy"


@dataclass(frozen=True, slots=True)
class Gathered:
    """A study, and all that belongs to it under the names by which resources refer to each other."""

    study: Resource
    named: Mapping[str, Resource]
    parts: tuple[Resource, ...]
    """Studies that are part of it: its sites. Those that have ended are not among them."""
    canonical: Mapping[str, Resource]
    """By canonical url."""

    def get(self, reference: Any) -> Resource | None:
        """What a Reference leads to, if it is here."""
        named = reference.get("reference") if isinstance(reference, dict) else None
        return self.named.get(named) if isinstance(named, str) else None

    def all(self, references: Any) -> Iterator[Resource]:
        """What a list of References leads to."""
        for one in references or ():
            if (found := self.get(one)) is not None:
                yield found

    def of(self, kind: str) -> Iterator[Resource]:
        """All resources of a type, in the order they were given."""
        seen: set[int] = set()
        for one in self.named.values():
            if one["resourceType"] == kind and id(one) not in seen:
                seen.add(id(one))
                yield one


def of_bundle(bundle: Resource) -> dict[str, Resource]:
    """The resources of a Bundle by fullUrl and by Type/id."""
    found: dict[str, Resource] = {}
    for entry in bundle.get("entry", ()):
        resource = entry.get("resource")
        if not resource:
            continue
        if "fullUrl" in entry:
            found[entry["fullUrl"]] = resource
        if "id" in resource:
            found[f"{resource['resourceType']}/{resource['id']}"] = resource
    return found


def gathered(named: Mapping[str, Resource], study: str | None = None) -> Gathered:
    """The study with this id; without one, the first that is no part of another here."""
    studies = list({id(one): one for one in named.values() if one["resourceType"] == STUDY}.values())
    main = next(
        (one for one in studies if (one.get("id") == study if study else not _within(one, named))),
        None,
    )
    if main is None:
        raise BadRequest("There is no such ResearchStudy among the resources.")
    parts = [one for one in studies if one.get("status") != "retired" and any(up is main for up in _whole(one, named))]
    canonical = {one["url"]: one for one in named.values() if isinstance(one.get("url"), str)}
    return Gathered(main, named, tuple(parts), canonical)


def _whole(one: Resource, named: Mapping[str, Resource]) -> Iterator[Resource]:
    """The studies here that it is part of."""
    for reference in one.get("partOf", ()):
        found = named.get(reference.get("reference", ""))
        if found is not None:
            yield found


def _within(one: Resource, named: Mapping[str, Resource]) -> bool:
    return any(True for _ in _whole(one, named))
