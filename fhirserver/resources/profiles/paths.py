"""Paths of discriminators: the simple subset of FHIRPath, and what such a path finds from an item on.

https://hl7.org/fhir/R5/fhirpath.html#simple
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fhirserver.resources.profiles.reading import children
from fhirserver.resources.profiles.run import Item, Run
from fhirserver.resources.profiles.types import resolved

_STEP = re.compile(
    r"(?P<this>\$this)|resolve\(\)(?P<resolve>)|extension\('(?P<url>[^']+)'\)|ofType\((?P<type>\w+)\)|(?P<name>\w+)"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a discriminator's path."""

    kind: str
    text: str = ""


def steps(path: str) -> tuple[Step, ...] | None:
    """The steps of a path in the simple subset of FHIRPath; None when it is another."""
    found: list[Step] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            return None
        kind = match.lastgroup or ""
        if kind != "this":
            found.append(Step(kind, match[kind]))
        at = match.end()
        if at < len(path):
            if path[at] != ".":
                return None
            at += 1
    return tuple(found)


def select(run: Run, item: Item, path: Sequence[Step]) -> list[Item] | None:
    """What a path finds from an item on; None when it leads through a reference to what is not at hand."""
    found = [item]
    for step in path:
        after: list[Item] = []
        for one in found:
            match step.kind:
                case "name":
                    after += children(run.release, one, step.text)
                case "url":
                    each = children(run.release, one, "extension")
                    after += [extension for extension in each if extension.content.get("url") == step.text]
                case "type":
                    after += [one] if one.type == step.text else []
                case _:
                    target = resolved(run, one)
                    if target is None:
                        return None
                    after.append(target)
        found = after
    return found
