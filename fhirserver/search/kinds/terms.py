"""Conditions on postings, which the kinds that compare by equality or by a beginning share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhirserver.search.sink import LONGEST, bounded

Filter = dict[str, Any]


def term(code: str, suffix: str) -> Filter:
    """Documents that have the posting code|suffix."""
    return {"t": bounded(f"{code}|{suffix}")}


def beginning(code: str, prefix: str) -> Filter:
    """Documents that have a posting code|prefix…; a range, never a pattern."""
    low = f"{code}|{prefix}"[: LONGEST - 100]
    return {"t": {"$elemMatch": {"$gte": low, "$lt": low + "\U0010ffff"}}}


def present(code: str) -> Filter:
    """Documents that have any posting of the parameter; '}' follows '|' in the order of characters."""
    return {"t": {"$elemMatch": {"$gte": f"{code}|", "$lt": f"{code}}}"}}}


def quote(text: str) -> str:
    """A part of a posting, free of the separators."""
    if "|" in text or "%" in text:
        return text.replace("%", "%25").replace("|", "%7C")
    return text


def join(parts: Sequence[str]) -> str:
    """The parts of a composite's posting, each whole."""
    return "$".join(part.replace("%", "%25").replace("$", "%24") for part in parts)
