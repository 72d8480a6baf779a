"""The terms that searches sought one after the other, remembered by each process for the next such search.

What is remembered is a guess: one query tells whether there are others by now.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from fhirserver.search.kinds.terms import Span

MOST_SPANS = 64
"""Parts of an index whose terms are remembered: those of the latest searches."""

MOST_TERMS = 500
"""Terms of a part: to ask for what is beside more of them costs more than it saves."""

Part = tuple[str, Span]
"""A type, and a span of its postings."""


@dataclass(slots=True)
class Leaps:
    """What one process remembers."""

    _terms: OrderedDict[Part, tuple[str, ...]] = field(default_factory=OrderedDict)

    def known(self, part: Part) -> list[str]:
        """The terms of a part in their order; none when it is not remembered."""
        return list(self._terms.get(part, ()))

    def remember(self, part: Part, terms: Sequence[str]) -> None:
        """Remembers the terms of a part, as the latest one."""
        self._terms.pop(part, None)
        if len(terms) <= MOST_TERMS:
            self._terms[part] = tuple(terms)
        if len(self._terms) > MOST_SPANS:
            self._terms.popitem(last=False)
