"""What only some types are indexed by: the words of their texts, and the parts of their strings.

Which types those are is the operator's choice, as each costs a write many postings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

EVERY: Final = "*"
"""What stands for all types."""


@dataclass(frozen=True, slots=True)
class Richness:
    """The types with postings of words, and those with postings of parts of their strings.

    Of the latter also single parameters, as 'Patient.name'.
    """

    full_text: Collection[str]
    contains: Collection[str]

    def texts(self, type_: str) -> bool:
        """Whether the words of a type's texts are indexed."""
        return type_ in self.full_text or EVERY in self.full_text

    def parts(self, type_: str, code: str) -> bool:
        """Whether the parts of a parameter's strings are indexed."""
        return self._whole(type_) or f"{type_}.{code}" in self.contains

    def parted(self, type_: str, codes: Iterable[str]) -> list[str]:
        """The parameters whose strings are indexed by their parts."""
        whole = self._whole(type_)
        return [code for code in codes if whole or f"{type_}.{code}" in self.contains]

    def parts_some(self, type_: str) -> bool:
        """Whether the parts of any strings of a type are indexed."""
        return self._whole(type_) or any(each.startswith(f"{type_}.") for each in self.contains)

    def _whole(self, type_: str) -> bool:
        return type_ in self.contains or EVERY in self.contains


PLAIN: Final = Richness((), ())
"""What is indexed by the search parameters alone."""
