"""Looks for the values of a record in the resources that it became.

A value counts as found in two ways. A text of twelve letters or more is found where it stands in the resources, alone
or within a text, white space and markup aside; one of six or more where it stands alone. Anything else would be found
by chance ('1', 'Yes', 'Male'): there the record is changed in this one value and mapped again, and the value is found
where the resources then differ. What tells whether they do is the whole of the resources without their narratives,
their ids and the Provenance, which may change with any byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cached_property
from html import unescape
from typing import Any

from fhirserver.errors import FhirError
from fhirserver.fhirjson import dumps
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read

AT = "2026-01-01T00:00:00Z"
LONG, ALONE = 12, 6
"""Letters from which on a text is not found by chance, within another and alone."""

_TAG = re.compile(r"<[^<>]{0,2000}>")
_SPACE = re.compile(r"[\s\u00a0\u200b\ufeff*•\\]+")


class Output:
    """The resources of a record: what they are as a whole and, once asked for, their texts."""

    def __init__(self, resources: list[Any]) -> None:
        self.whole = b"".join(dumps(resource) for resource in resources)
        self._resources = resources

    @cached_property
    def _alone(self) -> frozenset[str]:
        return frozenset(plain(text) for resource in self._resources for text in texts(resource))

    @cached_property
    def _texts(self) -> str:
        return "\n".join(self._alone)

    def has(self, text: str) -> bool:
        """Whether a text stands in the resources alone."""
        return plain(text) in self._alone

    def says(self, text: str) -> bool:
        """Whether a text, long enough not to do so by chance, stands in the resources, alone or within another."""
        said = plain(text)
        return (len(said) >= ALONE and said in self._alone) or (len(said) >= LONG and said in self._texts)


def mapped(data: bytes) -> Output | None:
    """What becomes of a record; None where it is none."""
    try:
        bundle, _ = transaction(read(data), at=AT)
    except FhirError:
        return None
    resources = [entry["resource"] for entry in bundle["entry"]]
    told = [one for one in resources if one["resourceType"] != "Provenance"]
    return Output([without(one) for one in told])


def without(resource: Any) -> Any:
    """A resource without the narrative made of it; a document's own text stays."""
    found = {name: value for name, value in resource.items() if name not in ("text", "id", "identifier")}
    known = resource.get("identifier")
    if isinstance(known, list):
        found["identifier"] = [one for one in known if one.get("system") != "urn:ietf:rfc:3986"]
    return found


def texts(value: Any) -> list[str]:
    """Every text below a value."""
    found: list[str] = []
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            todo.extend(one.values())
        elif isinstance(one, list):
            todo.extend(one)
        elif isinstance(one, str):
            found.append(one)
        elif isinstance(one, int | Decimal):
            found.append(str(one))
    return found


def plain(text: str) -> str:
    """A text without markup, its white space and list marks single blanks."""
    if "<" in text:
        text = unescape(_TAG.sub(" ", text))
    elif "&" in text:
        text = unescape(text)
    return _SPACE.sub(" ", text).strip()


def other(value: Any) -> Any:
    """Another value of the same kind: one that a reader takes where it takes the first."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | Decimal):
        return value + 1
    text = str(value)
    swapped = {"Yes": "No", "No": "Yes", "yes": "no", "no": "yes", "true": "false", "false": "true"}
    if text.strip() in swapped:
        return swapped[text.strip()]
    for position in range(len(text) - 1, -1, -1):
        if text[position] in "12345678":
            return text[:position] + str(int(text[position]) + 1) + text[position + 1 :]
    return f"{text}x"


def tells(change: Callable[[], bytes], before: Output) -> bool:
    """Whether the resources of a changed record differ; a record that is none any more told something too."""
    after = mapped(change())
    return after is None or after.whole != before.whole
