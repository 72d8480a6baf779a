"""How well a resource fits a search for text: a score from 0 to 1 that depends on this resource and search alone.

Of each word or phrase that is asked for, what it adds grows with its occurrences and shrinks with the length of the
text, as in BM25 with a fixed average length; the score is the mean. No counts over the store go into it, so that it is
the same on every page and whatever others write. https://hl7.org/fhir/R5/search.html#score
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from fhirserver.resources.registry import Release
from fhirserver.search.ast import And, Node, Or, Param
from fhirserver.search.kinds.fulltext import Words, read
from fhirserver.search.parameters import parameters

_AVERAGE = 200
"""Words of a text of middling length."""

_SATURATION = 1.2
_LENGTH = 0.75

Asked = tuple[str, Words]
"""A parameter (_content, _text) and what is looked for in it."""


def asked(node: Node) -> tuple[Asked, ...]:
    """What a search looks for in texts, each once; what must not be there is not among it."""
    match node:
        case And(nodes) | Or(nodes):
            return tuple(dict.fromkeys(each for inner in nodes for each in asked(inner)))
        case Param(code=code, test=Words() as test):
            return ((code, test),)
    return ()


def text(lines: Iterable[str]) -> bytes:
    """The lines that a parameter looks in (the field f of a document) as one text, to be scored."""
    # Neighbours share a space, which would hide the second of two equal ones from a count without overlaps.
    return "\n".join(lines).replace(" ", "  ").encode()


def read_by(release: Release, code: str, resource: dict[str, Any]) -> bytes:
    """The text of a resource that a parameter looks in; none where its type has no such parameter."""
    known = parameters(release, resource["resourceType"])
    values = known[code].values(resource) if code in known else ()
    return text(line for type_, value in values for line in read(release, type_, value).lines)


def score(wanted: Iterable[Asked], texts: Mapping[str, bytes]) -> Decimal:
    """The score of the texts of a resource, by parameter, to four places."""
    parts: list[float] = []
    for code, test in wanted:
        found = texts.get(code, b"")
        times = found.count(_needle(test))
        length = found.count(b"  ") - found.count(b"\n") - 1
        parts.append(times / (times + _SATURATION * (1 - _LENGTH + _LENGTH * length / _AVERAGE)) if times else 0.0)
    mean = sum(parts) / len(parts) if parts else 0.0
    return Decimal(f"{mean:.4f}")


@lru_cache(256)
def _needle(test: Words) -> bytes:
    return f" {'  '.join(test.words)}{'' if test.begins else ' '}".encode()
