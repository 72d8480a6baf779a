"""How well a resource fits a search for text: a score from 0 to 1 that depends on this resource and search alone.

Of each word or phrase that is asked for, what it adds grows with its occurrences and shrinks with the length of the
text, as in BM25 with a fixed average length; the score is the mean. No counts over the store go into it, so that it is
the same on every page and whatever others write. https://hl7.org/fhir/R5/search.html#score
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
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


def score(wanted: Iterable[Asked], texts: Mapping[str, Iterable[str]]) -> Decimal:
    """The score of the texts of a resource, by parameter (the field f of its document), to four places."""
    parts: list[float] = []
    for code, test in wanted:
        lines = tuple(texts.get(code, ()))
        # Neighbours share a space, which would hide the second of two equal ones from a count without overlaps.
        needle = f" {'  '.join(test.words)}{'' if test.begins else ' '}"
        times = sum(line.replace(" ", "  ").count(needle) for line in lines)
        length = sum(line.count(" ") - 1 for line in lines)
        parts.append(times / (times + _SATURATION * (1 - _LENGTH + _LENGTH * length / _AVERAGE)) if times else 0.0)
    found = sum(parts) / len(parts) if parts else 0.0
    return Decimal(f"{found:.4f}")


def of(release: Release, wanted: Sequence[Asked], resource: dict[str, Any]) -> Decimal:
    """The score of a resource."""
    known = parameters(release, resource["resourceType"])
    texts = {
        code: [line for type_, value in known[code].values(resource) for line in read(release, type_, value).lines]
        for code in dict.fromkeys(code for code, _ in wanted)
        if code in known
    }
    return score(wanted, texts)
