"""The forms of a record's values: what is empty left out, codes from concepts, prose as the registry's markdown.

https://clinicaltrials.gov/data-api/about-api/study-data-structure, https://spec.commonmark.org/0.28/#backslash-escapes
"""

from __future__ import annotations

import re
from typing import Any

from fhirserver.fhirjson import Resource
from fhirserver.mappers.codes import Codes

_MARKS = re.compile(r"[\\<>\[\]^~&]")
_STARS = re.compile(r"^([ \t]*)\*(?=\s|$)|\*", re.MULTILINE)
_DASH = re.compile(r"^([ \t]+)-(?=\s|$)", re.MULTILINE)
# A number after a bullet would begin a list of its own.
_NUMBER = re.compile(r"^([ \t]*\* \d+)([.)])(?=\s)", re.MULTILINE)
_COMMENT = r"\<!-- --\>"


def pruned(value: Any) -> Any:
    """A value without what is empty in it; false and 0 stay."""
    if isinstance(value, dict):
        found = {name: pruned(child) for name, child in value.items()}
        return {name: child for name, child in found.items() if child not in (None, "", [], {})}
    if isinstance(value, list):
        return [child for one in value if (child := pruned(one)) not in (None, "", [], {})]
    return value


def markup(text: str | None) -> str | None:
    r"""Prose in the registry's markdown: 10^6 is `10\^6`, bullets stay bullets."""
    if not text:
        return None
    escaped = _MARKS.sub(r"\\\g<0>", text)
    if "*" in escaped:
        escaped = _STARS.sub(lambda found: found[0] if found[1] is not None else "\\*", escaped)
        escaped = _NUMBER.sub(r"\1\\\2", escaped)
    if "-" in escaped:
        escaped = _DASH.sub(r"\1\\-", escaped)
    # How the registry parts two lists that follow each other.
    return escaped.replace(_COMMENT, "<!-- -->")


def text_of(concept: Any) -> str | None:
    """The words of a CodeableConcept."""
    found = concept.get("text") if isinstance(concept, dict) else None
    return found if isinstance(found, str) else None


def code_of(concept: Any, table: Codes, *, known: bool = False) -> str | None:
    """The registry's code of a concept made from it by `codes.coded`; with `known` None where the table lacks it."""
    if not isinstance(concept, dict):
        return None
    said = text_of(concept)
    codes = {coding.get("code") for coding in concept.get("coding", ())}
    for name, (code, display) in table.items():
        if said == display and (not code or not codes or code in codes):
            return name
    for name, (code, _) in table.items():
        if code and code in codes:
            return name
    return None if known or said is None else unworded(said)


def unworded(text: str) -> str:
    """A registry code from its words: Combination product is COMBINATION_PRODUCT."""
    return text.upper().replace(" ", "_")


def notes(resource: Resource) -> list[str]:
    """The texts of a resource's notes."""
    return [one["text"] for one in resource.get("note", ()) if isinstance(one.get("text"), str)]


def after(texts: list[str], label: str) -> str | None:
    """What follows a label among texts of the form 'Label: prose'."""
    start = f"{label}: "
    return next((one[len(start) :] for one in texts if one.startswith(start)), None)


def classified(study: Resource) -> list[str]:
    """The words of a study's classifiers."""
    return [said for one in study.get("classifier", ()) if (said := text_of(one))]
