"""What only some types are indexed by: the words of their texts, and the parts of their strings.

Which types those are is the operator's choice, as each costs a write many postings.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

EVERY: Final = "*"
"""What stands for all types."""


@dataclass(frozen=True, slots=True)
class Richness:
    """The types with postings of words, and those with postings of three letters of their strings."""

    full_text: Collection[str]
    contains: Collection[str]

    def texts(self, type_: str) -> bool:
        """Whether the words of a type's texts are indexed."""
        return type_ in self.full_text or EVERY in self.full_text

    def parts(self, type_: str) -> bool:
        """Whether the parts of a type's strings are indexed."""
        return type_ in self.contains or EVERY in self.contains


PLAIN: Final = Richness((), ())
"""What is indexed by the search parameters alone."""
