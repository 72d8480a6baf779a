"""JSON Pointers that lead nowhere: how far they reach, and what to do about it.

https://www.rfc-editor.org/rfc/rfc6901
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jsonpatch import JsonPointer

_INDEX = re.compile("0|[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Missing:
    """The steps that a pointer could take, and a sentence about the one that it could not."""

    reached: tuple[str, ...]
    sentence: str


def missing(document: Any, pointer: JsonPointer, *, new: bool = False) -> Missing | None:
    """What a pointer does not find; `new` says that its last step may lead to something new."""
    parts = [str(part) for part in pointer.parts]
    here = document
    for at, part in enumerate(parts):
        fresh = new and at == len(parts) - 1
        told = _absent(here, part, fresh)
        if told:
            hint = _remedy(parts[at + 1]) if new and not fresh and isinstance(here, dict) else ""
            return Missing(tuple(parts[:at]), f"{told}{hint}.")
        if fresh:
            return None
        here = here[int(part)] if isinstance(here, list) else here[part]
    return None


def _absent(here: Any, part: str, fresh: bool) -> str | None:
    """Why a step cannot be taken; None when it can."""
    if isinstance(here, dict):
        return None if part in here or fresh else f"there is no '{part[:64]}'"
    if not isinstance(here, list):
        return f"'{part[:64]}' is looked for in a value that is neither object nor array"
    if part == "-":
        return None if fresh else "'-' is the place behind the last value, where nothing is: give an index"
    if not _INDEX.fullmatch(part):
        return f"'{part[:64]}' is no index of an array: use 0, 1, 2 …, or '-' to append"
    if int(part) < len(here) + fresh:
        return None
    return f"the array has {len(here)} values, so there is no [{part}]: indexes begin at 0"


def _remedy(following: str) -> str:
    """What an `add` is to make first, so that its next step leads somewhere."""
    if following == "-" or _INDEX.fullmatch(following):
        return " yet: add the array first, with this value in it"
    return " yet: add the object first, with this value in it"


def fhirpath(type_: str, parts: Sequence[Any]) -> str:
    """The FHIRPath of a pointer's steps: Patient.name[0].given."""
    found = type_
    for part in map(str, parts):
        if _INDEX.fullmatch(part):
            found += f"[{part}]"
        elif part.isidentifier() and part.isascii():
            found += f".{part.removeprefix('_')}"
        else:
            break
    return found
