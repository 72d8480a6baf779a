"""What `fhirserver load` stores first, in any order of files: definitions, for claims of profiles are checked by them,
and who gives care, for records refer to them by condition (Practitioner?identifier=…).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from fhirserver.fhirjson import Resource

_STAGES = {
    "StructureDefinition": 0,
    "CodeSystem": 1,
    "ValueSet": 1,
    "Organization": 2,
    "Location": 2,
    "Practitioner": 3,
}
_LAST = 4

Placed = tuple[str, Resource]
"""A resource and where it stands."""


class _Type(msgspec.Struct, frozen=True):
    resourceType: str = ""  # noqa: N815 - the name in JSON


class _Entry(msgspec.Struct, frozen=True):
    resource: _Type = _Type()


class _Head(_Type, frozen=True):
    entry: tuple[_Entry, ...] = ()


_ROOT = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s|<\?.*?\?>|<!--.*?-->)*<([A-Za-z]+)", re.DOTALL)
"""The root element of an XML document."""

_HEAD = msgspec.json.Decoder(_Head)


def files_in_order(paths: Iterable[Path]) -> list[Path]:
    """The files, those of definitions first; what cannot be read comes last.

    Of NDJSON the first line tells, of a Bundle in JSON its first entry.
    """
    return sorted(paths, key=_stage_of)


def _stage_of(path: Path) -> int:
    try:
        with path.open("rb") as lines:
            data = lines.readline() if path.suffix.lower() == ".ndjson" else lines.read()
        if root := _ROOT.match(data):
            return _STAGES.get(root[1].decode(), _LAST)
        head = _HEAD.decode(data)
        first = head.entry[0].resource if head.entry else head
        return _STAGES.get(first.resourceType, _LAST)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return _LAST


def stages(resources: Iterable[Placed]) -> Sequence[list[Placed]]:
    """The resources by when they are to be stored."""
    found: list[list[Placed]] = [[] for _ in range(_LAST + 1)]
    for place, resource in resources:
        found[_STAGES.get(resource["resourceType"], _LAST)].append((place, resource))
    return found
