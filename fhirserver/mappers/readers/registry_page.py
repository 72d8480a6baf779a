"""Reads the public page of a trial, saved as text or as HTML.

The page republishes a ClinicalTrials.gov record: https://clinicaltrials.gov/data-api/about-api/study-data-structure
"""

from __future__ import annotations

from collections.abc import Sequence

from fhirserver.errors import Issue
from fhirserver.mappers.parts import (
    Design,
    Eligibility,
    Enrolment,
    Identifier,
    Intervention,
    Moment,
    Party,
    Text,
    Value,
)
from fhirserver.mappers.readers import page_arms, page_values, page_words
from fhirserver.mappers.readers.ctgov_json import NCT
from fhirserver.mappers.readers.page_people import contacts
from fhirserver.mappers.readers.page_sections import Sections, cut, landmarks
from fhirserver.mappers.readers.plain import one_line, plain
from fhirserver.mappers.trial import Trial

FORMAT = "registry-page"
_ENOUGH = 3


def recognises(lines: list[str]) -> bool:
    """Whether lines are such a page: a registry number and some of its headings."""
    return landmarks(lines) >= _ENOUGH and any(NCT.search(line) for line in lines)


def read(lines: list[str]) -> tuple[Trial, list[Issue]]:
    """The trial, and what of the page was odd or found no place."""
    page = _Page(cut(lines))
    status, phases = page.status()
    interventions = page.interventions()
    arms = page_arms.arms(page.take("arms"), interventions)
    if arms.stray:
        page.unplaced("arms", arms.stray)
    trial = Trial(
        identifiers=page.identifiers(),
        title=page.head(0),
        sponsor=page.sponsor(),
        collaborators=tuple(Party(v.value, path=v.path) for v in page.values("collaborators")),
        funders=tuple(page.code(v, page_words.FUNDERS) for v in page.values("funders")),
        contacts=contacts(page.take("contacts")),
        status=status,
        start=page.moment("start"),
        completion=page.moment("end"),
        summary=page.prose("summary"),
        description=page.prose("description"),
        conditions=page.values("conditions"),
        design=Design(
            study_type=page.word("type", page_words.STUDY_TYPES),
            phases=phases,
            purpose=page.word("purpose", page_words.PURPOSES),
            allocation=page.word("allocation", page_words.ALLOCATIONS),
            model=page.word("model", page_words.MODELS),
            masking=page.word("masking", page_words.MASKINGS),
            observational_model=page.word("observational", page_words.OBSERVATIONAL_MODELS),
            time_perspective=page.word("time", page_words.TIME_PERSPECTIVES),
        ),
        enrolment=page.enrolment(),
        arms=arms.arms,
        interventions=arms.interventions,
        eligibility=page.eligibility(),
    )
    page.rest()
    return trial, page.issues


class _Page:
    """The sections of one page, and the issues met while reading them."""

    def __init__(self, sections: Sections) -> None:
        self.issues: list[Issue] = []
        self._head = [line for line in sections.head if line]
        self._of = dict(sections.of)
        self._stray = sections.stray

    def take(self, key: str) -> list[str]:
        """The lines of a section, once."""
        return self._of.pop(key, [])

    def values(self, key: str) -> tuple[Text, ...]:
        """One value a line."""
        found = (one_line(line) for line in self.take(key))
        return tuple(Value(value, f"{key}[{n}]") for n, value in enumerate(v for v in found if v))

    def prose(self, key: str) -> Text | None:
        """Paragraphs: parted by empty lines, or one a line where the page has none."""
        lines = self.take(key)
        text = plain(("\n" if "" in lines else "\n\n").join(lines))
        return Value(text, key) if text else None

    def single(self, key: str) -> str | None:
        """The only line; more are reported."""
        lines = [line for line in self.take(key) if line]
        if lines[1:]:
            self.unplaced(key, lines[1:])
        return lines[0] if lines else None

    def code(self, value: Text, words: dict[str, str]) -> Text:
        """The registry's code of a word; an unknown word stands for itself."""
        return Value(words.get(page_words.key(value.value), value.value), value.path)

    def word(self, key: str, words: dict[str, str]) -> Text | None:
        """The registry's code of a section's only line."""
        line = self.single(key)
        return self.code(Value(line, key), words) if line else None

    def head(self, position: int) -> Text | None:
        """A line of the head: the title, then the sponsor."""
        if position < len(self._head):
            return Value(one_line(self._head[position]), f"head[{position}]")
        return None

    def sponsor(self) -> Party | None:
        """The lead sponsor, named below the title or in a section of its own."""
        named = self.values("sponsor")
        below = self.head(1)
        self.unplaced("head", self._head[2:])
        found = named[0] if named else below
        return Party(found.value, path=found.path) if found else None

    def status(self) -> tuple[Text | None, tuple[Text, ...]]:
        """Status and phase share a section; each line says by its words which it is."""
        status: Text | None = None
        phases: tuple[Text, ...] = ()
        for value in self.values("status"):
            word = page_words.key(value.value)
            if word in page_words.PHASES:
                phases = tuple(Value(code, value.path) for code in page_words.PHASES[word])
            elif word in page_words.STATUSES:
                status = Value(page_words.STATUSES[word], value.path)
            elif status is None:
                status = value
            else:
                self.unplaced(value.path, [value.value])
        return status, phases

    def identifiers(self) -> tuple[Identifier, ...]:
        """The NCT number, then the sponsor's own number, then others."""
        found: list[Identifier] = []
        for value in self.values("identifiers"):
            if NCT.fullmatch(value.value):
                kind = "alias" if any(i.kind == "registry" for i in found) else "registry"
                found.append(Identifier("alias" if kind == "alias" else "registry", value.value, path=value.path))
            else:
                own = any(i.kind == "organisation" for i in found)
                found.append(Identifier("secondary" if own else "organisation", value.value, path=value.path))
        return tuple(found)

    def interventions(self) -> tuple[Intervention, ...]:
        """'Biological: MSCs' is a type and a name."""
        return tuple(page_values.intervention(value) for value in self.values("treatments"))

    def enrolment(self) -> Enrolment | None:
        """'120 estimated patients'."""
        line = self.single("enrolment")
        cohorts = self.take("cohorts")
        for text in (line, cohorts[0] if cohorts else None):
            if text and (found := page_values.enrolment(text)):
                return Enrolment(found[0], found[1], "enrolment")
        if line:
            self.unplaced("enrolment", [line])
        return None

    def moment(self, key: str) -> Moment | None:
        """'Mar 18, 2020 • 5 years ago'; whether it is planned the page does not say."""
        line = self.single(key)
        date = page_values.date(line) if line else None
        if line and not date:
            self.unplaced(key, [line])
        return Moment(date, None, key) if date else None

    def eligibility(self) -> Eligibility:
        """Limits, and the criteria as one text under their two headings."""
        low, high, problem = page_values.ages(self.single("ages"))
        if problem:
            self.unplaced("ages", [problem])
        volunteers = self.single("volunteers")
        criteria = [
            f"{heading}:\n\n{text}"
            for key, heading in (("inclusion", "Inclusion Criteria"), ("exclusion", "Exclusion Criteria"))
            if (text := page_values.bullets(self.take(key)))
        ]
        return Eligibility(
            criteria=Value("\n\n".join(criteria), "inclusion") if criteria else None,
            sex=self.word("sex", page_words.SEXES),
            minimum_age=low,
            maximum_age=high,
            healthy_volunteers=Value(page_values.accepts(volunteers), "volunteers") if volunteers else None,
        )

    def unplaced(self, where: str, lines: Sequence[str]) -> None:
        """Reports lines that were not understood."""
        if lines:
            shown = "; ".join(line[:60] for line in lines[:3])
            self.issues.append(
                Issue("information", "not-supported", f"Lines left out: {shown}.", (where,), "not-mapped")
            )

    def rest(self) -> None:
        """Reports what no one asked for."""
        count = self.take("locations")
        if count:
            self.unplaced("locations", [f"number of places without their names: {' '.join(count)}"])
        for key, lines in self._of.items():
            self.unplaced(key, lines)
        self.unplaced("page", [line for line in self._stray if line])
