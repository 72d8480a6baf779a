"""What an entry of a batch or transaction asks for: a write, a read or an operation.

https://hl7.org/fhir/R5/http.html#transaction
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from fhirserver import fhirjson
from fhirserver.errors import FhirError, Issue
from fhirserver.fhirjson import Resource
from fhirserver.interactions.conditional import Criteria
from fhirserver.interactions.search_across import Where
from fhirserver.patch.formats import Change
from fhirserver.store.documents import Expected


class Ask(msgspec.Struct, frozen=True, gc=False):
    """A write taken apart: `id` or `criteria` or neither (a create); `fresh` is the id a create would take.

    `change` is what a patch does, and `patch` the resource that says so, if one does.

    `notes` is what is to be said of a resource that was accepted.
    """

    at: int
    method: str
    type: str
    id: str | None = None
    criteria: Criteria | None = None
    resource: Resource | None = None
    change: Change | None = None
    patch: Resource | None = None
    full_url: str | None = None
    expected: Expected | None = None
    fresh: str = ""
    notes: tuple[Issue, ...] = ()

    @property
    def proposal(self) -> tuple[str, str] | None:
        """The place that the resource itself names, if its id is one."""
        id_ = self.resource.get("id") if self.resource else None
        return (self.type, id_) if isinstance(id_, str) and fhirjson.is_id(id_) else None

    @property
    def where(self) -> str:
        """The entry's place, for an issue's expression."""
        return place(self.at)


@dataclass(frozen=True, slots=True)
class Look:
    """A read taken apart: of one resource, of a version of it, a search of its type, or a history.

    Without a type it is the history of everything; `across` is what a search over several types is over.
    """

    at: int
    type: str | None
    id: str | None = None
    version: str | None = None
    query: str = ""
    history: bool = False
    across: Where | None = None
    bodies: bool = True
    none_match: str | None = None
    modified_since: str | None = None

    @property
    def where(self) -> str:
        """The entry's place, for an issue's expression."""
        return place(self.at)


@dataclass(frozen=True, slots=True)
class Invoke:
    """An operation taken apart: its name without $, and what it is called on."""

    at: int
    method: str
    code: str
    type: str | None
    id: str | None
    query: str
    resource: Resource | None

    @property
    def where(self) -> str:
        """The entry's place, for an issue's expression."""
        return place(self.at)


Part = Ask | Look | Invoke


def place(at: int) -> str:
    """The FHIRPath of an entry."""
    return f"Bundle.entry[{at}]"


def inside(error: FhirError, where: str) -> FhirError:
    """The refusal with its expressions moved into the Bundle: Patient.id becomes Bundle.entry[0].resource.id."""
    issues = []
    for issue in error.issues:
        moved = [
            place if place.startswith("Bundle.entry[") else f"{where}.resource{_below(place)}"
            for place in issue.expression
        ]
        issues.append(replace(issue, expression=tuple(moved) or (where,)))
    return type(error)(issues, headers=error.headers)


def _below(place: str) -> str:
    """.gender of Patient.gender; nothing for a bare name."""
    _, dot, rest = place.partition(".")
    return dot + rest
