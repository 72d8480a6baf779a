"""What the registry itself adds to a record: documents it keeps, the course of submissions, what it derives.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#DocumentSection
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fhirserver.mappers.parts import Mesh


def _path() -> str:
    path: str = field(default="", compare=False)
    return path


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the study; `kind` is Prot, SAP, ICF, Prot_SAP, …, `uploaded` an instant without a zone."""

    kind: str | None = None
    label: str | None = None
    file: str | None = None
    date: str | None = None
    uploaded: str | None = None
    size: int | None = None
    protocol: bool | None = None
    analysis_plan: bool | None = None
    consent_form: bool | None = None
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Step:
    """A step in the course of a submission; `date` is None where the registry does not know it."""

    words: str
    date: str | None = None
    actual: bool | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """A finding of the FDA; its dates are among the steps."""

    type: str | None = None
    description: str | None = None


class Leaf(NamedTuple):
    """A term of the registry's own list under which the study is found; `relevance` is LOW or HIGH."""

    id: str | None
    name: str | None = None
    found_as: str | None = None
    relevance: str | None = None


class Branch(NamedTuple):
    """A chapter of the registry's own list."""

    id: str | None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Browse:
    """Where the registry puts the study among conditions, or among interventions."""

    ancestors: tuple[Mesh, ...] = ()
    leaves: tuple[Leaf, ...] = ()
    branches: tuple[Branch, ...] = ()


NOWHERE = Browse()


@dataclass(frozen=True, slots=True)
class Registered:
    """What the registry adds to a record."""

    documents: tuple[Document, ...] = ()
    no_analysis_plan: bool | None = None
    steps: tuple[Step, ...] = ()
    unposted_party: str | None = None
    violations: tuple[Violation, ...] = ()
    removed_countries: tuple[str, ...] = ()
    lowest_bmi: str | None = None
    highest_bmi: str | None = None
    conditions: Browse = NOWHERE
    interventions: Browse = NOWHERE
