"""Search parameters that were defined while the server runs, as whoever asks now sees them.

They belong to a database, not to the process: a server says for each request which are in force, and without a server
there are none. https://hl7.org/fhir/R5/searchparameter.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType

from fhirserver.resources.registry import Kind, Release, SearchParameter, stored_release

Place = tuple[Release, str]
"""A release and a type of it."""
Kinds = Mapping[str, tuple[Kind, frozenset[str]]]
"""URL of a definition → kind and targets."""


@dataclass(frozen=True, slots=True, eq=False)
class Additions:
    """What one type has beside the parameters of its release; the same object as long as it stays the same.

    `kinds` are those of all definitions that were added, which the parts of composites name.
    """

    definitions: tuple[SearchParameter, ...]
    kinds: Kinds = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, eq=False)
class InForce:
    """The parameters that a server knows at one time: `number` grows whenever one comes, goes or changes.

    `waiting` names those of a type that not all of its resources were indexed by yet, each with how far that is.
    """

    number: int = 0
    by_type: Mapping[Place, Additions] = field(default_factory=lambda: MappingProxyType({}))
    waiting: Mapping[Place, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))


NONE = InForce()
_NOW: ContextVar[InForce] = ContextVar("search parameters in force", default=NONE)


def now() -> InForce:
    """Those that whoever asks sees."""
    return _NOW.get()


@contextmanager
def in_force(these: InForce) -> Iterator[None]:
    """Lets what runs within, and the tasks that it starts, see these."""
    token = _NOW.set(these)
    try:
        yield
    finally:
        _NOW.reset(token)


def additions(release: Release, type_: str) -> Additions | None:
    """What a type has beside the parameters of its release."""
    return _NOW.get().by_type.get((stored_release(release, type_), type_))


def waiting(release: Release, type_: str) -> Mapping[str, str]:
    """The parameters of a type that cannot be searched by yet, with how far they are."""
    return _NOW.get().waiting.get((stored_release(release, type_), type_), MappingProxyType({}))


MARK = "|set|"
"""What begins the posting that says by which parameters a resource was indexed, of types that have additions."""


def mark(number: int) -> str:
    """The posting of a number; postings are in the order of their numbers."""
    return f"{MARK}{number:012d}"
