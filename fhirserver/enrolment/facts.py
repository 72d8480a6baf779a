"""What the rules of enrolment look at: plain facts, gathered by the caller inside its transaction.

https://hl7.org/fhir/R5/researchsubject.html and https://hl7.org/fhir/R5/researchstudy.html
"""

from __future__ import annotations

from dataclasses import dataclass

from fhirserver.enrolment.states import FINAL, PLACELESS


@dataclass(frozen=True, slots=True)
class Study:
    """The study as it stands: publication status, present progress state, the number wanted, its comparison groups."""

    name: str
    status: str
    progress: str | None
    words: str
    target: int | None
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What one ResearchSubject says: references as written and as Type/id of ours (None for any other)."""

    study: str | None
    subject: str | None
    local_study: str | None
    local_subject: str | None
    trail: tuple[str, ...]
    assigned: str | None = None
    actual: str | None = None
    retired: bool = False

    @property
    def state(self) -> str:
        """The present state."""
        return self.trail[-1]

    @property
    def active(self) -> bool:
        """Whether the enrolment goes on."""
        return not self.retired and self.state not in FINAL

    @property
    def holds_place(self) -> bool:
        """Whether it counts toward the study's numbers."""
        return not self.retired and self.state not in PLACELESS

    @property
    def group(self) -> str | None:
        """The comparison group the subject is in: the actual one, else the assigned one."""
        return self.actual or self.assigned


@dataclass(frozen=True, slots=True)
class Facts:
    """One write of a ResearchSubject. `others` are the enrolments of the same subject in the same study beside it.

    `study` is None when there is no such study, `subject_found` says whether the subject is there.
    """

    before: Enrolment | None
    after: Enrolment
    study: Study | None
    subject_found: bool
    others: tuple[Enrolment, ...] = ()
