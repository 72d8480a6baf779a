"""Eligibility criteria as the record words them: one criterion a bullet, each on its side of inclusion and exclusion.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#EligibilityModule, https://hl7.org/fhir/R5/group.html
"""

from __future__ import annotations

from dataclasses import dataclass

from fhirserver.mappers.eligibility.outline import Segment, outline
from fhirserver.mappers.parts import Eligibility

__all__ = ["Criterion", "Segment", "all_criteria", "criteria", "outline", "whole_text"]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion word for word, its nested bullets below it; `under` are the headings that narrow it."""

    text: str
    exclude: bool
    under: str | None = None


def criteria(text: str, exclude: bool = False) -> tuple[Criterion, ...]:
    """The criteria of a text, in its order; `exclude` is the side of those before the first heading."""
    return tuple(
        Criterion(one.text, one.exclude, " – ".join(one.under) or None)
        for one in outline(text, exclude)
        if one.exclude is not None and one.text
    )


def all_criteria(facts: Eligibility) -> tuple[Criterion, ...]:
    """The criteria of a record: those of its text, then those whose side it gives itself."""
    found = list(criteria(facts.criteria.value)) if facts.criteria else []
    for one in facts.stated:
        if one.single:
            found.append(Criterion(one.text, one.exclude, one.name))
        else:
            each = criteria(one.text, one.exclude)
            found += [Criterion(c.text, c.exclude, _joined(one.name, c.under)) for c in each]
    return tuple(found)


def _joined(*parts: str | None) -> str | None:
    return " – ".join(part for part in parts if part) or None


def whole_text(facts: Eligibility) -> str | None:
    """The text as the record has it; of criteria given side by side, both sides below a heading each."""
    parts = [facts.criteria.value] if facts.criteria else []
    for heading, exclude in (("Inclusion criteria:", False), ("Exclusion criteria:", True)):
        side = [one.text if not one.single else f"- {one.text}" for one in facts.stated if one.exclude is exclude]
        if side:
            parts.append("\n\n".join([heading, *side]))
    return "\n\n".join(parts) or None
