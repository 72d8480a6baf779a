"""Records without a way back (USDM, EU CTIS, EUCTR, ISRCTN): each leaf value is looked for in the FHIR resources.

Short values are tried by path: one place of a path in the first record that has it is changed, and all of its places
count as kept where the change told. What the import reports as left out is lost untried. Keys by which a record's
objects name each other are counted apart: what is kept of them is where they lead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fhirserver.fhirjson import dumps, loads
from fhirserver.mappers.readers.ctis_parties import internal
from fhirserver.mappers.trial import Reading
from fidelity.found import Output, mapped, other, plain, tells
from fidelity.leaves import leaves, pattern
from fidelity.measured import Measured

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_KEY = re.compile(r"(?:^|\.)(?:id|uuid|instanceType|party|[A-Za-z0-9]+(?:Id|Ids|Pk|Uuid))(?:\[\])?$")
KEYS = "(keys)"
"""The module of keys."""
_KEPT: dict[tuple[str, str], bool] = {}
"""What was found of a format's paths: a path is tried in the first record that has it."""


def measure(record: str, data: bytes, reading: Reading) -> Measured:
    """What is found of one record."""
    found = Measured(reading.format, records=1)
    before = mapped(data)
    if before is None:
        return found
    told = loads(data)
    said = [(path, value) for path, value in leaves(told) if not isinstance(value, str) or _speaks(value)]
    places: dict[str, list[str]] = {}
    for path, value in said:
        if not _stands(value, before):
            places.setdefault(pattern(path), []).append(path)
    left = tuple({pattern(place) for one in reading.issues if one.details == "not-mapped" for place in one.expression})
    for kind, paths in places.items():
        key = (reading.format, kind)
        if kind in left or kind.startswith(tuple(f"{one}{step}" for one in left for step in ".[")):
            _KEPT.setdefault(key, False)
        if key not in _KEPT:
            _KEPT[key] = _tried(told, paths, before)
    for path, value in said:
        kind = pattern(path)
        there = _stands(value, before) or _KEPT.get((reading.format, kind), False)
        own = reading.format == "ctis" and internal(kind.removesuffix("[]").rpartition(".")[2])
        found.leaf(KEYS if own else module(kind), kind, there)
        if not there:
            found.example(kind, record, value, None)
    return found


def _speaks(text: str) -> bool:
    """Whether a text has a word, or a picture, in its markup."""
    return bool(plain(text)) or "<img" in text


def module(kind: str) -> str:
    """The first two steps of a path; keys apart."""
    if _KEY.search(kind):
        return KEYS
    return ".".join(kind.replace("[]", "").split(".")[:2])


def _stands(value: Any, before: Output) -> bool:
    return isinstance(value, str) and before.says(value)


def _tried(told: Any, paths: list[str], before: Output) -> bool:
    return tells(_changed(told, paths[len(paths) // 2]), before)


def _changed(told: Any, path: str) -> Callable[[], bytes]:
    """The record with another value at a path; put back at once."""

    def change() -> bytes:
        steps = [int(number) if number else name for number, name in _STEP.findall(path)]
        target = told
        for step in steps[:-1]:
            target = target[step]
        value = target[steps[-1]]
        target[steps[-1]] = other(value)
        try:
            return dumps(told)
        finally:
            target[steps[-1]] = value

    return change
