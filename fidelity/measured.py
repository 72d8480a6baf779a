"""What was measured of records: how many leaf values there were, module by module, and which of them were lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

EXAMPLES = 3
"""Places that are remembered for each path."""


@dataclass(slots=True)
class Measured:
    """Records of one format; `total` and `kept` count leaf values by module, `lost` and `added` by path.

    Added is what came back and was not in the record. Examples are (record, what it said, what came back).
    """

    format: str
    records: int = 0
    total: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    added: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)

    def leaf(self, module: str, path: str, kept: bool) -> None:
        """Counts one leaf value of a module."""
        self.total[module] += 1
        if kept:
            self.kept[module] += 1
        else:
            self.lost[path] += 1

    def example(self, path: str, record: str, said: object, back: object) -> None:
        """Remembers a place, unless enough of its path are known."""
        known = self.examples.setdefault(path, [])
        if len(known) < EXAMPLES:
            known.append((record, str(said), "nothing" if back is None else str(back)))

    def add(self, other: Measured) -> None:
        """Takes over what was measured of other records of the format."""
        self.records += other.records
        for mine, theirs in (
            (self.total, other.total),
            (self.kept, other.kept),
            (self.lost, other.lost),
            (self.added, other.added),
        ):
            mine.update(theirs)
        for path, known in other.examples.items():
            have = self.examples.setdefault(path, [])
            have.extend(known[: EXAMPLES - len(have)])

    def told(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {
            "records": self.records,
            "total": self.total,
            "kept": self.kept,
            "lost": self.lost,
            "added": self.added,
            "examples": self.examples,
        }

    def share(self, start: str = "") -> float | None:
        """The share of leaf values kept in modules whose name starts so; None where there are none."""
        total = sum(count for module, count in self.total.items() if module.startswith(start))
        kept = sum(count for module, count in self.kept.items() if module.startswith(start))
        return kept / total if total else None
