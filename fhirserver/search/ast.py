"""A search as a frozen tree: what the parser makes, and what becomes a filter or is matched in Python.

https://hl7.org/fhir/R5/search.html
"""

from __future__ import annotations

from dataclasses import dataclass

from fhirserver.resources.registry import Kind
from fhirserver.search.kinds import composite, date, simple

Test = simple.Test | composite.Test


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


Node = And | Or | Not | Param | Missing | Ids | Updated | Chain | Has | Member
Leaf = Chain | Has | Member

EVERYTHING = And(())
