"""How the shape of a structure differs between releases: what the engine cannot read off the tables of elements.

https://hl7.org/fhir/R5/diff.html. A type's module declares these for its structures, by their R5 names. Properties
are JSON names; `_name`, the sibling of a primitive, goes along with `name`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Node = dict[str, Any]
"""Part of a resource, or of an object in it: JSON properties by name."""


class Walk(Protocol):
    """Writes a value of a structure ('Reference') as the other release does, where it may have another name."""

    def __call__(self, name: str, value: Any, other: str | None = None) -> Any:
        """The value, the same object if nothing differs."""


def unchanged(name: str, value: Any, other: str | None = None) -> Any:
    """The walk that leaves values as they are, where two values of one release are compared."""
    return value


Change = Callable[[Node, Node, Walk], Node]
"""(properties in one release, what the other release last had, nested values) → properties in the other release.

The second is empty in a first conversion. When it is not, it is what the first once came from, and the first has been
changed since: the change wins, and what the first cannot express stays as it was.
"""


@dataclass(frozen=True, slots=True)
class Renamed:
    """One element under two names, or under two types that hold the same ('CodeableConcept', 'CodeableReference')."""

    r5: str
    r4: str


@dataclass(frozen=True, slots=True)
class Coded:
    """A code whose value sets differ: codes the other has too stay, others are mapped or, unmapped, left out."""

    r5: str
    r4: str
    down: Mapping[str, str]
    up: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reshaped:
    """Elements that correspond as a whole. `down` leads from R5 to R4 and `up` from R4 to R5.

    Nothing need be undone exactly: what does not come back equal is kept beside it by the engine.
    """

    r5: tuple[str, ...]
    r4: tuple[str, ...]
    down: Change
    up: Change
    settled: frozenset[str] = frozenset()
    """Codes that stay the same in either direction, where one coded element becomes another of its name."""
    quiet: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict)
    """Property → whether a value stays in either direction, where elements become others of their names."""
    always: bool = False
    """Whether R4 needs one of the elements even where R5 has none: an invariant demands it, not the tables."""


@dataclass(frozen=True, slots=True)
class Apart:
    """An element that the other release has under the same name with another meaning: neither becomes the other."""

    name: str


@dataclass(frozen=True, slots=True)
class Swapped:
    """Extensions that R5 has at the element `name` and R4 at the object that holds it."""

    name: str
    urls: frozenset[str]


Part = Renamed | Coded | Reshaped | Apart | Swapped
Rules = Mapping[str, tuple[Part, ...]]
"""The differences of a type's structures, by R5 structure name ('ResearchStudy', 'ResearchStudy.comparisonGroup')."""
