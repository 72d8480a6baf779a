"""A value set as its codes, with what of it cannot be known from what is loaded.

https://hl7.org/fhir/R5/valueset.html#composition
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fhirserver.resources.profiles.codes import EVERY
from fhirserver.terminology.codesystem import CodeSystem, Concept
from fhirserver.terminology.reasons import Reason

T = TypeVar("T")
Key = tuple[str, str]
"""A system, and a code of it as it compares."""
Used = tuple[tuple[str, str], ...]
"""Names of expansion parameters, each with a canonical."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A code of a value set. `concept` is set where its code system is loaded.

    `row` is what the value set says of it itself: an element of compose.include.concept or of expansion.contains.
    """

    url: str
    version: str | None
    code: str
    row: Mapping[str, Any]
    system: CodeSystem | None = None
    concept: Concept | None = None

    @property
    def inactive(self) -> bool:
        """Whether it is not for use any more."""
        if self.row.get("inactive") is True:
            return True
        return self.system is not None and self.concept is not None and self.system.inactive(self.concept)

    @property
    def abstract(self) -> bool:
        """Whether it only groups others."""
        if self.row.get("abstract") is True:
            return True
        return self.system is not None and self.concept is not None and self.system.abstract(self.concept)


@dataclass(frozen=True, slots=True)
class Members:
    """`entries` belong to the set, `open` are systems of which others may belong too (EVERY: any system).

    `folded` systems compare without case. `reasons` say why something is open. `used` are the code systems and value
    sets that were looked into.
    """

    entries: Mapping[Key, Entry] = field(default_factory=dict)
    open: frozenset[str] = frozenset()
    folded: frozenset[str] = frozenset()
    reasons: tuple[Reason, ...] = ()
    used: Used = ()

    def find(self, system: str, code: str) -> Entry | None:
        """The entry of a code."""
        return self.entries.get((system, code.casefold() if system in self.folded else code))

    def may_have(self, system: str) -> bool:
        """Whether codes of the system that are not among the entries may belong to the set."""
        return system in self.open or EVERY in self.open


def unknown(system: str, code: str, sentence: str) -> Members:
    """Nothing is known of the codes of a system."""
    return Members(open=frozenset({system}), reasons=(Reason(code, sentence),))


def listed(entries: Iterable[Entry], folded: frozenset[str] = frozenset(), used: Used = ()) -> Members:
    """The set of these entries; of a code that is there twice the first one counts."""
    found: dict[Key, Entry] = {}
    for each in entries:
        found.setdefault((each.url, each.code.casefold() if each.url in folded else each.code), each)
    return Members(found, folded=folded, used=used)


def union(parts: Iterable[Members]) -> Members:
    """What is in any of them, in their order."""
    found: dict[Key, Entry] = {}
    open_: set[str] = set()
    folded: set[str] = set()
    reasons: list[Reason] = []
    used: list[tuple[str, str]] = []
    for part in parts:
        for key, entry in part.entries.items():
            found.setdefault(key, entry)
        open_ |= part.open
        folded |= part.folded
        reasons += part.reasons
        used += part.used
    return Members(found, frozenset(open_), frozenset(folded), _once(reasons), _once(used))


def both(left: Members, right: Members) -> Members:
    """What is in both; a code that only may be in one of them only may be in both."""
    entries = {key: entry for key, entry in left.entries.items() if key in right.entries}
    open_ = {system for system in left.open if _touches(right, system)}
    open_ |= {system for system in right.open if _touches(left, system)}
    if EVERY in left.open:
        open_ |= {system for system, _ in right.entries}
    if EVERY in right.open:
        open_ |= {system for system, _ in left.entries}
    return Members(entries, frozenset(open_), left.folded | right.folded, *_said(left, right))


def minus(left: Members, right: Members) -> Members:
    """What is in the one and not in the other; a code that may be in the other only may be left."""
    rest = {key: entry for key, entry in left.entries.items() if key not in right.entries}
    doubtful = frozenset(system for system, _ in rest if right.may_have(system))
    if doubtful:
        rest = {key: entry for key, entry in rest.items() if key[0] not in doubtful}
    return Members(rest, left.open | doubtful, left.folded | right.folded, *_said(left, right))


def _touches(members: Members, system: str) -> bool:
    return members.may_have(system) or any(each == system for each, _ in members.entries)


def _said(left: Members, right: Members) -> tuple[tuple[Reason, ...], Used]:
    return _once((*left.reasons, *right.reasons)), _once((*left.used, *right.used))


def _once(rows: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(rows))
