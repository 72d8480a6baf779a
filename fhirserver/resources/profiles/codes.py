"""Value sets as sets of codes by system, with what of them cannot be known from what is loaded.

https://hl7.org/fhir/R5/valueset.html#composition
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhirserver.fhirjson import Resource

EVERY = "*"
"""Stands in `open` for any system at all."""
DEEPEST = 40
"""Value sets that may include each other in a chain."""

_UNCLOSED = frozenset(
    f"http://hl7.org/fhir/StructureDefinition/valueset-{name}" for name in ("unclosed", "toocostly", "expand-rules")
)


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


class Terms:
    """Value sets by canonical, compiled when first asked for."""

    def __init__(
        self, valueset: Callable[[str], Resource | None], codesystem: Callable[[str], Resource | None]
    ) -> None:
        self._valueset, self._codesystem = valueset, codesystem
        self._made: dict[str, Codes | None] = {}

    def codes(self, canonical: str) -> Codes | None:
        """The value set's codes; None when it is not loaded."""
        if canonical not in self._made:
            self._made[canonical] = self._codes(canonical, frozenset())
        return self._made[canonical]

    def _codes(self, canonical: str, within: frozenset[str]) -> Codes | None:
        found = self._valueset(canonical)
        if found is None:
            return None
        if canonical in within or len(within) > DEEPEST:
            return _open(EVERY, f"'{canonical}' includes itself, or others too deeply")
        composed = self._composed(found, within | {canonical})
        if composed is not None and not composed.open:
            return composed
        expanded = _expanded(found)
        if expanded is not None and (not expanded.open or composed is None):
            return expanded
        return composed or _open(EVERY, f"'{canonical}' has neither compose nor expansion")

    def _composed(self, valueset: Resource, within: frozenset[str]) -> Codes | None:
        compose = valueset.get("compose")
        if not isinstance(compose, dict):
            return None
        included = _union(self._part(row, within) for row in compose.get("include", ()))
        for row in compose.get("exclude", ()):
            included = _minus(included, self._part(row, within))
        return included

    def _part(self, row: Mapping[str, Any], within: frozenset[str]) -> Codes:
        """What one include or exclude stands for: its system's codes that are in all of its value sets."""
        parts = [
            self._codes(each, within) or _open(EVERY, f"'{each}' is not loaded") for each in row.get("valueSet", ())
        ]
        system = row.get("system")
        if isinstance(system, str):
            parts.append(self._system(system, row))
        found = parts[0] if parts else Codes()
        for other in parts[1:]:
            found = _both(found, other)
        return found

    def _system(self, system: str, row: Mapping[str, Any]) -> Codes:
        version = row.get("version")
        loaded = self._codesystem(f"{system}|{version}" if version else system)
        folded = loaded is not None and loaded.get("caseSensitive") is False
        if "concept" in row:
            return _of(system, (one.get("code") for one in row["concept"]), folded)
        if row.get("filter"):
            return _open(system, f"a filter on '{system}' is not evaluated")
        if loaded is None:
            return _open(system, f"the code system '{system}' is not loaded")
        codes = _of(system, _all_codes(loaded.get("concept", ())), folded)
        if loaded.get("content") == "complete":
            return codes
        return Codes(codes.known, frozenset({system}), codes.folded, (f"'{system}' is not loaded as a whole",))


def _of(system: str, codes: Iterable[Any], folded: bool) -> Codes:
    given = (code for code in codes if isinstance(code, str))
    found = frozenset(code.casefold() for code in given) if folded else frozenset(given)
    return Codes({system: found}, folded=frozenset({system}) if folded else frozenset())


def _open(system: str, reason: str) -> Codes:
    return Codes(open=frozenset({system}), reasons=(reason,))


def _all_codes(concepts: Iterable[Mapping[str, Any]]) -> Iterator[Any]:
    todo = list(concepts)
    while todo:
        concept = todo.pop()
        yield concept.get("code")
        todo.extend(concept.get("concept", ()))


def _expanded(valueset: Resource) -> Codes | None:
    """The codes of an expansion; open unless it is the whole one."""
    expansion = valueset.get("expansion")
    if not isinstance(expansion, dict):
        return None
    known: dict[str, set[str]] = {}
    count = 0
    todo = list(expansion.get("contains", ()))
    while todo:
        row = todo.pop()
        count += 1
        todo.extend(row.get("contains", ()))
        system, code = row.get("system"), row.get("code")
        if isinstance(system, str) and isinstance(code, str) and row.get("abstract") is not True:
            known.setdefault(system, set()).add(code)
    total = expansion.get("total", count)
    cut = total != count or bool(expansion.get("offset"))
    cut = cut or any(one.get("url") in _UNCLOSED for one in expansion.get("extension", ()))
    codes = {system: frozenset(each) for system, each in known.items()}
    return Codes(codes, frozenset({EVERY}), reasons=("the expansion is not whole",)) if cut else Codes(codes)


def _union(parts: Iterable[Codes]) -> Codes:
    known: dict[str, frozenset[str]] = {}
    open_: frozenset[str] = frozenset()
    folded: frozenset[str] = frozenset()
    reasons: tuple[str, ...] = ()
    for part in parts:
        for system, codes in part.known.items():
            known[system] = known.get(system, frozenset()) | codes
        open_, folded, reasons = open_ | part.open, folded | part.folded, reasons + part.reasons
    return Codes(known, open_, folded, reasons)


def _both(left: Codes, right: Codes) -> Codes:
    """What is in both; a code that only may be in one of them only may be in both."""
    systems = left.known.keys() & right.known.keys()
    known = {system: left.known[system] & right.known[system] for system in systems}
    open_ = {system for system in left.open if _may(right, system)} | {s for s in right.open if _may(left, s)}
    if EVERY in left.open:
        open_ |= right.known.keys()
    if EVERY in right.open:
        open_ |= left.known.keys()
    return Codes(known, frozenset(open_), left.folded | right.folded, left.reasons + right.reasons)


def _may(codes: Codes, system: str) -> bool:
    return system in codes.known or system in codes.open or EVERY in codes.open


def _minus(left: Codes, right: Codes) -> Codes:
    """What is in the one and not in the other; a code that may be in the other only may be left."""
    known = {}
    for system, codes in left.known.items():
        rest = codes - right.known.get(system, frozenset())
        known[system] = frozenset() if system in right.open or EVERY in right.open else rest
    doubtful = frozenset(system for system in left.known if system in right.open or EVERY in right.open)
    return Codes(known, left.open | doubtful, left.folded, left.reasons + right.reasons)
