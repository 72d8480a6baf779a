"""Cuts a registry page into its sections by their headings, whatever their order and whatever stands around them.

The page is the public trial page that republishes a ClinicalTrials.gov record for patients.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from fhirserver.mappers.readers.plain import plain

_HEADINGS = {
    "status and phase": "status",
    "conditions": "conditions",
    "condition": "conditions",
    "treatments": "treatments",
    "treatment": "treatments",
    "study type": "type",
    "funder types": "funders",
    "funder type": "funders",
    "identifiers": "identifiers",
    "details and patient eligibility": "",
    "about": "summary",
    "full description": "description",
    "enrollment": "enrolment",
    "sex": "sex",
    "ages": "ages",
    "age": "ages",
    "volunteers": "volunteers",
    "inclusion criteria": "inclusion",
    "exclusion criteria": "exclusion",
    "trial design": "",
    "primary purpose": "purpose",
    "allocation": "allocation",
    "interventional model": "model",
    "observational model": "observational",
    "time perspective": "time",
    "masking": "masking",
    "trial contacts and locations": "locations",
    "central trial contact": "contacts",
    "central trial contacts": "contacts",
    "lead sponsor": "sponsor",
    "sponsor": "sponsor",
    "collaborators": "collaborators",
    "collaborating sponsors": "collaborators",
    "start date": "start",
    "end date": "end",
    "timeline": "",
}
# The one value that reads like a heading: the primary purpose 'Treatment'.
_LOOKALIKE = ("purpose", "treatment")
_LISTED = {"inclusion", "exclusion", "summary", "description"}
_PROSE = {*_LISTED, "arms"}
_COHORTS = re.compile(r"([\d,.]+) participants? in (\d+) (?:patient )?groups?", re.IGNORECASE)
_CHROME = re.compile(
    r"menu|loading(?:\.\.\.|…)?|sign in|log in|sign up|clinicaltrials\.veeva|search|share|print|save|back|home|"
    r"find clinical trials.*|clinical trials|trials by location|see more|view (?:more|all|less)|show (?:more|less)|\S",
    re.IGNORECASE,
)
_END = re.compile(r"data sourced from .*|©.*|copyright ©.*", re.IGNORECASE)
# Headings that no other page about a disease or a drug would have beside an NCT number.
_LANDMARKS = {"status", "type", "identifiers", "funders", "inclusion", "exclusion", "purpose", "model", "contacts"}


@dataclass(frozen=True, slots=True)
class Sections:
    """The lines of each section, by its key; `head` is what stands before the first."""

    head: list[str] = field(default_factory=list)
    of: dict[str, list[str]] = field(default_factory=dict)
    stray: list[str] = field(default_factory=list)


def cut(lines: list[str]) -> Sections:
    """Sections of a page. A second section of a name adds to the first."""
    sections = Sections()
    current: list[str] = sections.head
    key = "head"
    for raw in lines:
        text = plain(raw)
        if not text:
            if key in _LISTED and current:
                current.append("")
            continue
        if _END.fullmatch(text):
            break
        bare = text.rstrip(":").casefold()
        lookalike = (key, bare) == _LOOKALIKE and not current
        # Prose has headings of its own ('Inclusion Criteria:'); the page's are in sentence case, without a colon.
        own = key in _PROSE and text != bare.capitalize()
        if bare in _HEADINGS and not lookalike and not own:
            key = _HEADINGS[bare]
            current = sections.of.setdefault(key, []) if key else sections.stray
        elif cohorts := _COHORTS.fullmatch(text):
            key, current = "arms", sections.of.setdefault("arms", [])
            sections.of["cohorts"] = [cohorts[1], cohorts[2]]
        elif key not in _LISTED and _CHROME.fullmatch(text) and not (key == "locations" and text.isdigit()):
            continue
        else:
            current.append(raw.rstrip() if key in ("inclusion", "exclusion") else text)
    return sections


def landmarks(lines: list[str]) -> int:
    """How many sections of such a page begin in the lines."""
    return len({_HEADINGS.get(plain(line).rstrip(":").casefold()) for line in lines} & _LANDMARKS)
