"""Slicing: the occurrences of an element are told apart, counted, and each is checked as its slice asks.

https://hl7.org/fhir/R5/profiling.html#slicing
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fhirserver.resources.findings import Finding, Findings, below
from fhirserver.resources.profiles.discriminators import Matcher
from fhirserver.resources.profiles.run import Check, Item, Run

Rules = Literal["open", "closed", "openAtEnd"]


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice: `inner` is the slicing of what belongs to it, if it is sliced again."""

    name: str
    match: Matcher
    check: Check | None
    min: int
    max: int | None
    inner: Group | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The slices of one element; `element` is its name for messages, `step` its path below its parent."""

    element: str
    step: str
    slices: tuple[Slice, ...]
    rules: Rules
    ordered: bool
    by_position: bool = False

    @property
    def needs_some(self) -> bool:
        """Whether a slice must be there."""
        return any(one.min for one in self.slices)

    def flaws(self, run: Run, items: Sequence[Item]) -> Findings | None:
        """What is wrong with the occurrences of the element."""
        places = self._by_position(items) if self.by_position else [self._place(run, item) for item in items]
        doubtful = sum(place is None for place in places)
        found: Findings = []
        for at, one in enumerate(self.slices):
            own = [item for item, place in zip(items, places, strict=True) if place == at]
            found += self._counted(one, len(own), doubtful)
            for item in own if one.check else ():
                if one.check is not None and (bad := one.check(run, item)):
                    found += below(item.step, bad)
            if one.inner is not None and (bad := one.inner.flaws(run, own)):
                found += bad
        found += self._outside(items, places)
        if self.ordered:
            found += self._order(items, places)
        return found or None

    def _place(self, run: Run, item: Item) -> int | None:
        """The number of the slice an item belongs to; -1 for none, None when it cannot be told."""
        doubtful = False
        for at, one in enumerate(self.slices):
            match one.match(run, item):
                case True:
                    return at
                case None:
                    doubtful = True
        return None if doubtful else -1

    def _by_position(self, items: Sequence[Item]) -> list[int | None]:
        """Each slice takes as many as it may, in their order."""
        places: list[int | None] = []
        for at, one in enumerate(self.slices):
            left = len(items) - len(places)
            places += [at] * (left if one.max is None else min(left, one.max))
        return places + [-1] * (len(items) - len(places))

    def _counted(self, one: Slice, count: int, doubtful: int) -> Findings:
        if count + doubtful < one.min:
            said = f"'{self.element}' needs at least {one.min} of its slice '{one.name}', and has {count}: add it."
            return [Finding(self.step, "required", said)]
        if one.max is not None and count > one.max:
            at_most = f"at most {one.max}" if one.max else "none"
            said = f"'{self.element}' takes {at_most} of its slice '{one.name}', and has {count}: take it out."
            return [Finding(self.step, "invalid", said)]
        return []

    def _outside(self, items: Sequence[Item], places: Sequence[int | None]) -> Findings:
        if self.rules == "open":
            return []
        last = max((at for at, place in enumerate(places) if place is not None and place >= 0), default=-1)
        names = ", ".join(f"'{one.name}'" for one in self.slices)
        found: Findings = []
        for at, (item, place) in enumerate(zip(items, places, strict=True)):
            if place != -1:
                continue
            if self.rules == "closed":
                said = f"This is none of the slices of '{self.element}', which is closed: it takes {names} only."
                found.append(Finding(item.step, "invalid", said))
            elif at < last:
                said = f"This is none of the slices {names}: of '{self.element}' others come at the end."
                found.append(Finding(item.step, "invalid", said))
        return found

    def _order(self, items: Sequence[Item], places: Sequence[int | None]) -> Findings:
        highest = -1
        for item, place in zip(items, places, strict=True):
            if place is None or place < 0:
                continue
            if place < highest:
                names = f"'{self.slices[place].name}' comes before '{self.slices[highest].name}'"
                return [Finding(item.step, "invalid", f"The slices of '{self.element}' are ordered: {names}.")]
            highest = place
        return []
