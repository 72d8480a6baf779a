"""Where the kinds put what they find in a resource: postings, ranges, sort keys and full strings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

LONGEST = 400
"""Characters of a posting; a longer one ends in a hash, so that no value makes an index key huge."""


@dataclass(slots=True)
class Sink:
    """The index entry of one resource while it grows; `root` is the resource."""

    root: dict[str, Any]
    t: list[str] = field(default_factory=list)
    x: list[dict[str, Any]] = field(default_factory=list)
    s: dict[str, Any] = field(default_factory=dict)
    high: dict[str, Any] = field(default_factory=dict)
    f: dict[str, list[Any]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    """Postings beyond those that tell which parameters have a value: words of texts."""

    def sort(self, code: str, key: Any) -> None:
        """Keeps the lowest key of a parameter, by which results ascend, and the highest, by which they descend."""
        known = self.s.setdefault(code, key)
        if key < known:
            self.high.setdefault(code, known)
            self.s[code] = key
        elif key > self.high.get(code, known):
            self.high[code] = key


Indexer = Callable[[Any, Sink], None]


def bounded(posting: str) -> str:
    """The posting as the index holds it."""
    if len(posting) <= LONGEST:
        return posting
    return f"{posting[:300]}#{sha256(posting.encode('utf-8', 'surrogatepass')).hexdigest()}"
