"""A value set as sets of codes by system, with what of them cannot be known from what is loaded.

https://hl7.org/fhir/R5/valueset.html#composition. Who makes a library of profiles works value sets out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

EVERY = "*"
"""Stands in `open` for any system at all."""


@dataclass(frozen=True, slots=True)
class Codes:
    """`known` are codes that belong to the set, `open` systems of which others may belong too.

    `folded` systems compare without case. `reasons` say why something is open.
    """

    known: Mapping[str, frozenset[str]] = field(default_factory=dict)
    open: frozenset[str] = frozenset()
    folded: frozenset[str] = frozenset()
    reasons: tuple[str, ...] = ()

    def has(self, system: str | None, code: str) -> bool | None:
        """Whether a code belongs to the set, of whatever system for None; None when that cannot be known."""
        if system is None:
            found = any(self._holds(each, code) for each in self.known)
            return True if found else None if self.open else False
        if self._holds(system, code):
            return True
        return None if system in self.open or EVERY in self.open else False

    def _holds(self, system: str, code: str) -> bool:
        return (code.casefold() if system in self.folded else code) in self.known.get(system, ())


Find = Callable[[str], Codes | None]
"""The codes of a value set by its canonical; None when it is not loaded."""


def none(canonical: str) -> Codes | None:
    """Where no value set is loaded."""
    return None
