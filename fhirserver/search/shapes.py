"""The shape of a resource: which search parameters have a value in it.

A type has few shapes however many resources it has, and each resource the posting of its shape: ':missing' and the
resources without a sort key are equalities that an index answers. https://hl7.org/fhir/R5/search.html#modifiermissing
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

MARK: Final = "|shape|"
SORTED: Final = "<"
"""What follows a code in a shape that has a sort key of it."""

MOST: Final = 200
"""Shapes that one condition may name; what has more is found by looking at resources."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What of which parameters has a value, as the beginnings of postings, and a name for all of that."""

    name: str
    codes: tuple[str, ...]

    @property
    def posting(self) -> str:
        """What a resource of this shape is found by."""
        return MARK + self.name


@lru_cache(maxsize=4096)
def _shape(codes: frozenset[str]) -> Shape:
    ordered = tuple(sorted(codes))
    return Shape(blake2b("\n".join(ordered).encode(), digest_size=8).hexdigest(), ordered)


def shape_of(postings: Iterable[str], elements: Iterable[dict[str, Any]], sorts: Iterable[str]) -> Shape:
    """The shape of an index entry: what its postings, ranges and sort keys begin with."""
    heads = {each.partition("|")[0] for each in postings}
    heads.update(each["k"].partition("|")[0] for each in elements)
    heads.update(code + SORTED for code in sorts)
    return _named(frozenset(heads))


@lru_cache(maxsize=4096)
def _named(heads: frozenset[str]) -> Shape:
    """From heads such as 'code', 'code:text', 'code@http://loinc.org', 'date>' and 'code<'."""
    return _shape(frozenset(code for head in heads if (code := _code(head))))


def _code(head: str) -> str:
    within = head.find("@")
    return head[: within + 1] if within >= 0 else head.removesuffix(">")


def heads_of(code: str) -> tuple[str, ...]:
    """What a shape may call the values of a parameter."""
    return (code, f"{code}@", f"{code}:text", f"{code}:identifier", f"{code}:identifier@", f"{code}:of-type")


@dataclass(frozen=True, slots=True)
class Shapes:
    """All shapes that resources of a type have had; without `whole` there are more, too many to be of use."""

    known: Sequence[Shape]
    whole: bool = True

    def within(self, codes: Iterable[str], *, missing: bool) -> list[str] | None:
        """The postings of the shapes with any of these codes, or with none; None when there are more than MOST."""
        if not self.whole:
            return None
        wanted = frozenset(codes)
        found = [each.posting for each in self.known if wanted.isdisjoint(each.codes) is missing]
        return found if len(found) <= MOST else None
