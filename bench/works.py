"""The works that are measured: what is asked, and the ratio to the floor that DESIGN wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

from bench import checks, writes
from bench.client import Ask
from bench.data import Data
from bench.elements import LOINC
from bench.resources import MRN
from bench.trials import REGISTRY

CONNECTIONS = 16

Asks = Callable[[Data, Random, int], Iterator[Ask]]
"""Any number of requests, given the data, a generator of random keys and the number of the round."""


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of request; `share` of --requests is sent a round, each request stands for `unit` resources.

    One with a `release` is asked of our base of that release, and compared with our base of R5 instead of the floor.
    """

    name: str
    asks: Asks
    target: float | None
    share: float = 1.0
    unit: int = 1
    connections: int = CONNECTIONS
    at_least: float | None = None
    release: str | None = None


def _get(path: str, check: Callable[[bytes], None]) -> Ask:
    return Ask("GET", f"/r5/{path}", 200, check)


def _token(system: str, value: str) -> str:
    return quote(f"{system}|{value}", safe="")


def read(data: Data, rng: Random, turn: int) -> Iterator[Ask]:
    """Resources of every type, by id."""
    while True:
        one = rng.choice(data.stored)
        yield _get(f"{one.type}/{one.id}", checks.resource(one.type, one.id))


def by_identifier(data: Data, rng: Random, turn: int) -> Iterator[Ask]:
    """One patient by record number."""
    while True:
        mrn = rng.choice(data.people).mrn
        yield _get(f"Patient?identifier={_token(MRN, mrn)}", checks.searchset("Patient", 1))


def by_subject_and_code(data: Data, rng: Random, turn: int, *, include: bool = False) -> Iterator[Ask]:
    """A patient's observations of one kind."""
    known = data.by_subject_and_code
    more = "&_include=Observation:subject" if include else ""
    while True:
        one = rng.choice(data.findings)
        check = checks.searchset("Observation", known[one.subject, one.lab.code], int(include))
        yield _get(f"Observation?subject=Patient/{one.subject}&code={_token(LOINC, one.lab.code)}{more}", check)


def by_code_and_date(data: Data, rng: Random, turn: int) -> Iterator[Ask]:
    """A month's observations of one kind."""
    known = data.by_code_and_month
    while True:
        one = rng.choice(data.findings)
        code, month = one.lab.code, one.day[:7]
        check = checks.searchset("Observation", known[code, month])
        yield _get(f"Observation?code={_token(LOINC, code)}&date={month}", check)


def by_name(data: Data, rng: Random, turn: int) -> Iterator[Ask]:
    """Patients by family name."""
    known = data.by_name
    while True:
        family = rng.choice(data.people).family
        yield _get(f"Patient?name={family}", checks.searchset("Patient", known[family.lower()]))


def by_birth(data: Data, rng: Random, turn: int) -> Iterator[Ask]:
    """Patients by month of birth."""
    known = data.by_birth
    while True:
        month = rng.choice(data.people).birth[:7]
        yield _get(f"Patient?birthdate={month}", checks.searchset("Patient", known[month]))


def by_study(data: Data, rng: Random, turn: int, *, include: bool = False) -> Iterator[Ask]:
    """A study's subjects."""
    known = data.by_study
    more = "&_include=ResearchSubject:subject" if include else ""
    while True:
        study = rng.choice(data.enrolled).study
        check = checks.searchset("ResearchSubject", known[study], min(checks.PAGE, known[study]) if include else 0)
        yield _get(f"ResearchSubject?study=ResearchStudy/{study}{more}", check)


def by_subject(data: Data, rng: Random, turn: int) -> Iterator[Ask]:
    """The enrolments of a patient."""
    while True:
        patient = rng.choice(data.enrolled).patient
        yield _get(f"ResearchSubject?subject=Patient/{patient}", checks.searchset("ResearchSubject", 1))


def chain(data: Data, rng: Random, turn: int) -> Iterator[Ask]:
    """A study's subjects by the study's registry number."""
    known = data.by_study
    while True:
        study = rng.choice(data.studies)
        check = checks.searchset("ResearchSubject", known[study.id])
        yield _get(f"ResearchSubject?study.identifier={_token(REGISTRY, study.nct)}", check)


def by_study_include(data: Data, rng: Random, turn: int) -> Iterator[Ask]:
    """A study's subjects and who they are."""
    return by_study(data, rng, turn, include=True)


def by_subject_and_code_include(data: Data, rng: Random, turn: int) -> Iterator[Ask]:
    """A patient's observations of one kind and the patient."""
    return by_subject_and_code(data, rng, turn, include=True)


WORKS: tuple[Work, ...] = (
    Work("read", read, 0.8),
    Work("identifier", by_identifier, 0.6),
    Work("subject-code", by_subject_and_code, 0.5),
    Work("code-date", by_code_and_date, 0.5),
    Work("name", by_name, 0.5),
    Work("birthdate", by_birth, 0.5),
    Work("study", by_study, 0.5),
    Work("subject", by_subject, 0.5),
    Work("study-include", by_study_include, 0.5),
    Work("subject-code-include", by_subject_and_code_include, 0.5),
    Work("chain", chain, 0.5),
    Work("r4-read", read, 0.7, release="r4"),
    Work("r4-code-date", by_code_and_date, 0.7, release="r4"),
    Work("r4-subject-code-include", by_subject_and_code_include, 0.7, release="r4"),
    # Writes come last: what they add would change what the searches find.
    Work("create", writes.create, 0.45),
    Work("update", writes.update, 0.6),
    Work("transaction-of-3", writes.transaction_of_three, 0.6, share=0.5),
    Work("load-by-250", writes.load, None, share=0.01, unit=writes.TOGETHER, connections=4, at_least=1500),
)
"""In the order in which they are measured."""
