"""A search as a frozen tree: what the parser makes, and what becomes a filter or is matched in Python.

https://hl7.org/fhir/R5/search.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fhirserver.resources.registry import Kind
from fhirserver.search.kinds import composite, date, simple

Test = simple.Test | composite.Test
Holder = Literal["List", "Group", "CareTeam"]
"""Types that are searched by what they hold."""


@dataclass(frozen=True, slots=True)
class And:
    """All of them; none at all is everything."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them; none at all is nothing."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Those that are not."""

    node: Node


@dataclass(frozen=True, slots=True)
class Param:
    """One value of one parameter of a type."""

    type: str
    code: str
    test: Test


@dataclass(frozen=True, slots=True)
class Missing:
    """:missing, with or without any value of a parameter."""

    type: str
    code: str
    kind: Kind
    missing: bool


@dataclass(frozen=True, slots=True)
class Ids:
    """Resources with one of these ids."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Updated:
    """_lastUpdated."""

    when: date.When


@dataclass(frozen=True, slots=True)
class Chain:
    """Resources whose parameter `code` refers to a `target` that satisfies `node`. The caller resolves it."""

    type: str
    code: str
    target: str
    node: Node
    bases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Has:
    """_has: resources that a `source` satisfying `node` refers to by its parameter `code`. The caller resolves it."""

    type: str
    source: str
    code: str
    node: Node


@dataclass(frozen=True, slots=True)
class Member:
    """Groups with one of these members, which are kept apart from the Group. The caller resolves it."""

    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kin:
    """:above and :below on references: to one of some targets, or to what it is part of (`up`), or to its parts.

    `link` is the parameter by which a target names the one above it. The caller resolves it.
    """

    type: str
    code: str
    target: str
    link: str
    ids: tuple[str, ...]
    up: bool
    bases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueSetOf:
    """The codes of a value set, by its canonical or a literal reference."""

    reference: str


@dataclass(frozen=True, slots=True)
class Related:
    """A code and all below it, or `up` above it; of a system that is not said for None."""

    system: str | None
    code: str
    up: bool


@dataclass(frozen=True, slots=True)
class Concepts:
    """:in, :above and :below on tokens: a parameter with one of some codes. The caller resolves it.

    `given` is the parameter as the client wrote it.
    """

    type: str
    code: str
    asked: ValueSetOf | Related
    given: str


@dataclass(frozen=True, slots=True)
class Within:
    """Resources that contain a `target` satisfying `node`, and refer to it by their parameter `code`."""

    type: str
    code: str
    target: str
    node: Node


@dataclass(frozen=True, slots=True)
class Listed:
    """_list and _in: resources of a type that a List, Group or CareTeam has among its own. The caller resolves it."""

    type: str
    holder: Holder
    id: str


Leaf = Chain | Has | Kin | Concepts | Member | Listed
Node = And | Or | Not | Param | Missing | Ids | Updated | Within | Leaf

EVERYTHING = And(())
