"""What an expression may ask about besides its focus: the resource it stands in, and the world.

https://hl7.org/fhir/R5/fhirpath.html#vars
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, cast

from fhirserver.resources.fhirpath.nodes import Json, Node, ancestry, node
from fhirserver.resources.fhirpath.references import resolved
from fhirserver.resources.fhirpath.values import EvaluationError
from fhirserver.resources.registry import Release, structure, valueset

_BASE = "http://hl7.org/fhir/StructureDefinition/"


def _member(release: Release, url: str, code: str, system: str | None) -> bool | None:
    """Whether a code is in a value set of the specification; None when its content is not known here."""
    known = valueset(release, url.split("|")[0])
    if known is None:
        return None
    return any(code in some for some in known.values()) if system is None else code in known.get(system, ())


def _conforms(_release: Release, url: str, item: Node) -> bool | None:
    """Whether an element has the type that a definition of the specification describes; None for any other profile."""
    name = url.split("|")[0].removeprefix(_BASE)
    if structure(item.release, name) is None:
        return None
    return name in ancestry(item.release, item.type)


@dataclass(frozen=True, slots=True)
class Host:
    """What the server knows beyond the resource.

    `member` answers memberOf(): release, value set, code and its system ('' for none, None for a bare code) → whether
    it is in; `conforms` conformsTo(): release, profile, element; `find` gives the resource a reference leads to. Each
    may say None: that is not known.
    """

    member: Callable[[Release, str, str, str | None], bool | None] = _member
    conforms: Callable[[Release, str, Node], bool | None] = _conforms
    find: Callable[[str], Json | None] = lambda _reference: None


HOST = Host()


@dataclass(slots=True)
class Place:
    """Where an element stands: its resource, and the resource that contains that, or the same again.

    `memory` keeps what expressions found in the resource: a place is for content that does not change meanwhile.
    """

    resource: Json
    root: Json
    host: Host = HOST
    memory: dict[Hashable, Any] = field(default_factory=dict)


MOST_STEPS = 2_000_000
"""Items that one evaluation may look at: more than the largest resource has, fewer than an expression can ask for."""


class Environment:
    """The variables of one evaluation; `memory` keeps what is found once for it."""

    __slots__ = ("context", "index", "memory", "place", "release", "steps", "total")

    def __init__(self, release: Release, context: Node, place: Place) -> None:
        self.release, self.context, self.place = release, context, place
        self.memory: dict[Hashable, Any] = {}
        self.index: int | None = None
        self.total: list[Any] = []
        self.steps = MOST_STEPS

    def spend(self, items: int) -> None:
        """Notes that so many items are looked at; EvaluationError when there were too many."""
        self.steps -= items
        if self.steps < 0:
            raise EvaluationError(f"it looks at more than {MOST_STEPS:,} items")

    @property
    def host(self) -> Host:
        """What is known beyond the resource."""
        return self.place.host

    @property
    def resource(self) -> Node:
        """%resource"""
        return self._whole("resource", self.place.resource)

    @property
    def root(self) -> Node:
        """%rootResource"""
        same = self.place.root is self.place.resource
        return self.resource if same else self._whole("root", self.place.root)

    def _whole(self, name: str, resource: Json) -> Node:
        found = self.place.memory.get(name)
        if found is None:
            found = self.place.memory[name] = node(self.release, resource, "Resource")
        return cast("Node", found)

    def resolve(self, reference: Any) -> Node | None:
        """The resource a Reference or a url leads to, of one that is elsewhere as much as the reference says."""
        found = resolved(reference, self.place.root, self.host.find)
        return None if found is None else node(self.release, found, "Resource")
