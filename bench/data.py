"""The data set of a run: 200 studies, 5,000 patients, 5,000 subjects and 20,000 observations, or a share of these."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from random import Random

import msgspec

from bench import resources, trials
from bench.elements import Resource, new_id
from bench.resources import Finding, Person

SEED = 20240229
_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many of each."""

    studies: int = 200
    patients: int = 5000
    subjects: int = 5000
    observations: int = 20000

    @staticmethod
    def scaled(scale: float) -> Sizes:
        """The sizes of DESIGN times `scale`, at least one study and a handful of the others."""
        full = Sizes()
        patients = max(10, round(full.patients * scale))
        return Sizes(max(2, round(full.studies * scale)), patients, patients, max(20, round(full.observations * scale)))


@dataclass(frozen=True, slots=True)
class Stored:
    """A resource as it is sent."""

    type: str
    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Study:
    """What of a study is searched for."""

    id: str
    nct: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A subject: who takes part in what."""

    id: str
    study: str
    patient: str


@dataclass(frozen=True)
class Data:
    """The resources to load, in the order of their references, and the facts that searches and their checks need."""

    stored: list[Stored]
    studies: list[Study]
    people: list[Person]
    enrolled: list[Enrolled]
    findings: list[Finding]

    @cached_property
    def by_study(self) -> Counter[str]:
        """Subjects of each study."""
        return Counter(one.study for one in self.enrolled)

    @cached_property
    def by_name(self) -> Counter[str]:
        """Patients of each family name, found as the start of any part of a name."""
        parts = [{part.lower() for part in (one.family, *one.givens)} for one in self.people]
        wanted = {one.family.lower() for one in self.people}
        return Counter(name for own in parts for name in wanted if any(part.startswith(name) for part in own))

    @cached_property
    def by_birth(self) -> Counter[str]:
        """Patients of each month of birth."""
        return Counter(one.birth[:7] for one in self.people)

    @cached_property
    def by_subject_and_code(self) -> Counter[tuple[str, str]]:
        """Observations of each patient and code."""
        return Counter((one.subject, one.lab.code) for one in self.findings)

    @cached_property
    def by_code_and_month(self) -> Counter[tuple[str, str]]:
        """Observations of each code and month."""
        return Counter((one.lab.code, one.day[:7]) for one in self.findings)


def encode(resource: Resource) -> bytes:
    """Compact JSON, decimals digit by digit."""
    return _encoder.encode(resource)


def generate(sizes: Sizes, seed: int = SEED) -> Data:
    """The data set: equal for equal sizes and seeds."""
    rng = Random(seed)
    studies = [Study(new_id(rng), f"NCT9{number:07d}") for number in range(sizes.studies)]
    people = [resources.person(rng, number) for number in range(sizes.patients)]
    findings = [resources.finding(rng, rng.choice(people).id) for _ in range(sizes.observations)]
    stored = [_stored(trials.study(rng, one.id, one.nct)) for one in studies]
    stored.extend(_stored(resources.patient(rng, one)) for one in people)
    enrolled: list[Enrolled] = []
    for number in range(min(sizes.subjects, sizes.patients)):
        # Subjects of one study follow each other and are different patients: rules of enrolment have nothing to refuse.
        study = studies[number * sizes.studies // sizes.subjects]
        subject = trials.subject(rng, study.id, people[number].id, number)
        enrolled.append(Enrolled(subject["id"], study.id, people[number].id))
        stored.append(_stored(subject))
    stored.extend(_stored(resources.observation(rng, one)) for one in findings)
    return Data(stored, studies, people, enrolled, findings)


def _stored(resource: Resource) -> Stored:
    return Stored(resource["resourceType"], resource["id"], encode(resource))
