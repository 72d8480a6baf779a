"""Writes of definitions, and how every process of the server learns of them.

https://hl7.org/fhir/R5/conformance-module.html. Writes of profiles, value sets and code systems lock keys; the count of
their turns is the state of them all, and one look-up tells whether what was made of them still holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal
from zlib import crc32

from fhirserver.interactions.server import Server

Kind = Literal["StructureDefinition", "ValueSet", "CodeSystem"]
KINDS: tuple[Kind, ...] = ("StructureDefinition", "ValueSet", "CodeSystem")
"""The types that profiles and terminologies are made of."""

_LOCKS = tuple(f"definitions/{number}" for number in range(8))
"""What the writes of definitions lock, one of them each: some may be written at the same time."""

Numbered = tuple[Kind, str, int]
"""Type, id and version."""


def defines(type_: str) -> bool:
    """Whether resources of this type are definitions."""
    return type_ in KINDS


def locks(names: Iterable[tuple[str, str]]) -> set[str]:
    """What is to be locked to write or delete the resources of these types and ids."""
    return {_LOCKS[crc32(id_.encode()) % len(_LOCKS)] for type_, id_ in names if defines(type_)}


async def turns(server: Server) -> int:
    """A number that grows whenever a definition is written."""
    return await server.store.turns(_LOCKS)
