"""Gives the values of a trial other paths: those of the record that another was made from to be read.

https://docs.python.org/3/library/dataclasses.html#dataclasses.fields
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def relocate(value: T, place: Callable[[str], str]) -> T:
    """The same value, every `path` in it replaced by what `place` says of it."""
    found: Any = value
    # A named tuple holds no path.
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        found = tuple(relocate(one, place) for one in value)
    elif is_dataclass(value) and not isinstance(value, type):
        changed = {}
        for name in _names(type(value)):
            before = getattr(value, name)
            after = place(before) if name == "path" and before else relocate(before, place)
            if after is not before:
                changed[name] = after
        found = replace(value, **changed) if changed else value
    kept: T = found
    return kept
