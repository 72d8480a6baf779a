"""The arms of a registry page: a label, perhaps a type, then 'Description:' and 'Treatment:' with their lines.

https://hl7.org/fhir/R5/researchstudy-definitions.html#ResearchStudy.comparisonGroup says what becomes of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fhirserver.mappers.parts import Arm, Intervention, Value
from fhirserver.mappers.readers import page_values, page_words
from fhirserver.mappers.readers.ctgov_design import key
from fhirserver.mappers.readers.plain import plain


@dataclass(frozen=True, slots=True)
class PageArms:
    """Arms, interventions with those that only an arm names, and lines that belong to none."""

    arms: tuple[Arm, ...]
    interventions: tuple[Intervention, ...]
    stray: list[str]


@dataclass(slots=True)
class _Draft:
    label: str
    type: str | None = None
    description: list[str] = field(default_factory=list)
    treatments: list[str] = field(default_factory=list)


def arms(lines: list[str], interventions: tuple[Intervention, ...]) -> PageArms:
    """Reads the blocks of the section."""
    drafts: list[_Draft] = []
    stray: list[str] = []
    part = ""
    for position, line in enumerate(lines):
        after = lines[position + 1] if position + 1 < len(lines) else ""
        word = page_words.key(line)
        if drafts and word in ("description:", "treatment:", "treatments:"):
            part = word[0]
        elif drafts and part == "label" and word in page_words.ARM_TYPES:
            drafts[-1].type = page_words.ARM_TYPES[word]
            part = "type"
        elif _opens(line, after, part):
            drafts.append(_Draft(line))
            part = "label"
        elif drafts and part == "d":
            drafts[-1].description.append(line)
        elif drafts and part == "t":
            drafts[-1].treatments.append(line)
        else:
            stray.append(line)
    known = list(interventions)
    found = [_arm(draft, known, position) for position, draft in enumerate(drafts)]
    return PageArms(tuple(found), tuple(known), stray)


def _opens(line: str, after: str, part: str) -> bool:
    """Whether a line is the label of the next arm: what follows it says so, or nothing else can stand here."""
    following = page_words.key(after)
    if following in page_words.ARM_TYPES:
        return True
    if following == "description:":
        return part in ("", "d", "t")
    return part in ("", "t") and page_values.intervention(Value(line)).type is None


def _arm(draft: _Draft, known: list[Intervention], position: int) -> Arm:
    names = {key(f"{i.type}:{i.name}"): n for n, i in enumerate(known)}
    of = []
    for line in draft.treatments:
        one = page_values.intervention(Value(line, f"arms[{position}].treatment"))
        at = names.setdefault(key(f"{one.type}:{one.name}"), len(known))
        if at == len(known):
            known.append(one)
        of.append(at)
    text = plain("\n".join(draft.description))
    return Arm(draft.label, draft.type, text or None, tuple(sorted(set(of))), f"arms[{position}]")
