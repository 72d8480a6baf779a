"""The parts of a trial: frozen values, each with the path of the record it came from.

Codes are those of ClinicalTrials.gov's data model (https://clinicaltrials.gov/data-api/about-api/study-data-structure);
text is plain, without the markdown escapes of the source. Paths take no part in equality, so two formats of one record
give equal trials.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Generic, Literal, TypeVar

T = TypeVar("T")


def _path() -> str:
    path: str = field(default="", compare=False)
    return path


@dataclass(frozen=True, slots=True)
class Value(Generic[T]):
    """One value and the path it came from."""

    value: T
    path: str = _path()


Text = Value[str]


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name the trial goes by; `type` and `assigner` as the record words them."""

    kind: Literal["registry", "organisation", "secondary", "alias"]
    value: str
    type: str | None = None
    assigner: str | None = None
    link: str | None = None
    system: str | None = None
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Party:
    """An organisation with its agency class (INDUSTRY, NIH, …)."""

    name: str
    agency: str | None = None
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to ask or answerable; `role` is CONTACT, PRINCIPAL_INVESTIGATOR, STUDY_CHAIR, …

    Of who is responsible it may be SPONSOR, without a name, or RESPONSIBLE_PARTY where the record does not say.
    """

    name: str
    role: str
    affiliation: str | None = None
    title: str | None = None
    phone: str | None = None
    extension: str | None = None
    email: str | None = None
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, partial where the record's is; `actual` is None where the record does not say."""

    date: str
    actual: bool | None = None
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Event:
    """A step of registration, by its FHIR code (registration-posting, update-submission, …)."""

    activity: str
    moment: Moment


@dataclass(frozen=True, slots=True)
class Enrolment:
    """How many take part; `actual` is None where the record does not say whether it is a plan."""

    count: int
    actual: bool | None = None
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Intervention:
    """What is given or done; `type` is DRUG, BIOLOGICAL, DEVICE, …"""

    type: str | None
    name: str
    description: str | None = None
    other_names: tuple[str, ...] = ()
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm or a cohort; `interventions` are positions in Trial.interventions."""

    label: str
    type: str | None = None
    description: str | None = None
    interventions: tuple[int, ...] = ()
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is measured; `kind` is PRIMARY, SECONDARY or OTHER."""

    kind: str
    measure: str
    description: str | None = None
    time_frame: str | None = None
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Age:
    """An age limit: `unit` in UCUM (a, mo, wk, d, h, min), `word` as the record has it."""

    value: int | Decimal
    unit: str
    word: str
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Stated:
    """Criteria whose side the record itself gives: a text of them, or one alone where `single`; `name` is its label."""

    text: str
    exclude: bool
    single: bool = False
    name: str | None = None
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Who may take part; `criteria` is the whole text with headings and bullets, `stated` is for records without."""

    criteria: Text | None = None
    stated: tuple[Stated, ...] = ()
    sex: Text | None = None
    gender_based: Value[bool] | None = None
    gender_description: Text | None = None
    minimum_age: Age | None = None
    maximum_age: Age | None = None
    healthy_volunteers: Value[bool] | None = None
    population: Text | None = None
    sampling: Text | None = None


@dataclass(frozen=True, slots=True)
class Design:
    """How the study is built, in the registry's codes."""

    study_type: Text | None = None
    phases: tuple[Text, ...] = ()
    purpose: Text | None = None
    allocation: Text | None = None
    model: Text | None = None
    model_description: Text | None = None
    masking: Text | None = None
    masking_description: Text | None = None
    masked: tuple[Text, ...] = ()
    observational_model: Text | None = None
    time_perspective: Text | None = None
    target_duration: Text | None = None
    patient_registry: Value[bool] | None = None
    specimens: Text | None = None
    specimen_description: Text | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """A place where the study runs; `status` and `contacts` are its own, beside the study's."""

    facility: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None
    latitude: Decimal | int | None = None
    longitude: Decimal | int | None = None
    status: Text | None = None
    contacts: tuple[Person, ...] = ()
    lines: tuple[str, ...] = ()
    number: str | None = None
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Artifact:
    """A publication, link or document about the study; `kind` is a FHIR related-artifact-type.

    `registered` is the registry's number of a study that it is the record of.
    """

    kind: str
    text: str | None = None
    label: str | None = None
    url: str | None = None
    classifier: str | None = None
    date: str | None = None
    registered: str | None = None
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Mesh:
    """A term of the Medical Subject Headings; `id` is None where the record gives its words alone."""

    id: str | None
    term: str
    path: str = _path()
