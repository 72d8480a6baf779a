"""A store of synthetic trials of any size: each resource is made from a seed and its number alone.

So several processes make parts of it at once, and a small store is the beginning of a large one: what refers to another
resource refers to one with about the same place in its own type. https://hl7.org/fhir/R5/observation.html
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from hashlib import blake2b
from random import Random

from bench.elements import LOINC, SNOMED, Resource, concept, quantity
from bench.words import CITIES, CONDITIONS, FAMILIES, GIVENS, LABS

TYPES = ("ResearchStudy", "ResearchSubject", "Patient", "Observation")
SHARES: Mapping[str, float] = {"ResearchStudy": 0.01, "ResearchSubject": 0.05, "Patient": 0.14, "Observation": 0.80}
START = datetime(2014, 1, 1, tzinfo=UTC)
DAYS = 3650
"""What is dated falls into ten years."""

CODES = 2000
"""LOINC-like codes, the first of which are those of most observations."""

_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_UNITS = ("mg/dL", "g/dL", "mmol/L", "U/L", "%", "/min", "kg", "cm", "mm[Hg]", "10*3/uL", "ng/mL", "mL")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many resources of each type; at least a few of each."""

    counts: Mapping[str, int]

    @classmethod
    def of(cls, total: int) -> Sizes:
        """The shares of a total."""
        return cls({type_: max(5, round(total * share)) for type_, share in SHARES.items()})


def id_of(seed: int, type_: str, number: int) -> str:
    """The id of a resource."""
    return str(uuid.UUID(bytes=blake2b(f"{seed} {type_} {number}".encode(), digest_size=16).digest(), version=4))


def made(seed: int, type_: str, number: int) -> Resource:
    """A resource, valid in R5."""
    rng = Random(f"{seed} {type_} {number}")
    found = {"resourceType": type_, "id": id_of(seed, type_, number), **_meta(rng, type_)}
    return found | _MAKERS[type_](rng, seed, number)


def written(type_: str, number: int) -> datetime:
    """When a resource was stored."""
    return START + timedelta(seconds=37 * number / SHARES[type_] / 100, milliseconds=number % 997)


def _at(seed: int, type_: str, of: str, number: int, rng: Random) -> Resource:
    """A reference to a resource of another type that stands no later in it."""
    last = max(1, int(number * SHARES[of] / SHARES[type_]))
    return {"reference": f"{of}/{id_of(seed, of, rng.randrange(last))}"}


def _tail(rng: Random, count: int) -> int:
    """A number below `count`, the small ones far more often than the large ones."""
    return int((count + 1) ** rng.random()) - 1


def _day(rng: Random) -> datetime:
    return START + timedelta(days=rng.randrange(DAYS), seconds=rng.randrange(86400))


def _date(at: datetime) -> str:
    return at.date().isoformat()


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _meta(rng: Random, type_: str) -> Resource:
    meta: Resource = {}
    if rng.random() < 0.2:
        meta["tag"] = [{"system": "https://bench.example.org/tags", "code": f"batch-{_tail(rng, 300)}"}]
    if rng.random() < 0.3:
        meta["profile"] = [f"https://bench.example.org/StructureDefinition/{type_.lower()}-{_tail(rng, 9)}"]
    if rng.random() < 0.2:
        meta["source"] = f"https://bench.example.org/feeds/{_tail(rng, 50)}"
    if rng.random() < 0.02:
        meta["security"] = [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]
    found: Resource = {"meta": meta} if meta else {}
    return found | ({"language": rng.choice(("en", "nb", "de"))} if rng.random() < 0.1 else {})


# -- studies and subjects --------------------------------------------------------------------------------------------


def _study(rng: Random, seed: int, number: int) -> Resource:
    code, display = CONDITIONS[_tail(rng, len(CONDITIONS))]
    start = _day(rng)
    words = " ".join(rng.sample(FAMILIES, 3))
    found: Resource = {
        "identifier": [{"system": "https://clinicaltrials.gov", "value": f"NCT{number:08d}"}],
        "name": f"Study{number}",
        "title": f"{words}: a trial of {display.lower()}",
        "status": rng.choices(("active", "draft", "retired", "unknown"), (80, 5, 10, 5))[0],
        "condition": [concept(SNOMED, code, display)],
        "keyword": [{"text": word} for word in rng.sample(FAMILIES, rng.randint(1, 4))],
        "region": [concept("urn:iso:std:iso:3166", rng.choice(CITIES)[1], "A country")],
        "objective": [{"name": "First", "type": concept("https://bench.example.org/o", "primary", "Primary")}],
        "progressStatus": [
            {
                "state": concept("http://hl7.org/fhir/research-study-status", state, state),
                "actual": True,
                "period": {"start": _date(start)},
            }
            for state in rng.sample(("approved", "recruiting", "completed", "withdrawn"), rng.randint(1, 2))
        ],
        "recruitment": {"targetNumber": int(rng.lognormvariate(5, 1)), "actualNumber": int(rng.lognormvariate(4, 1))},
        "site": [{"reference": f"Location/site-{_tail(rng, 800)}"} for _ in range(rng.randint(1, 5))],
        "protocol": [{"reference": f"PlanDefinition/p{number}"}],
    }
    if rng.random() < 0.9:
        found["period"] = {"start": _date(start)}
        if rng.random() < 0.6:
            found["period"]["end"] = _date(start + timedelta(days=rng.randrange(30, 2000)))
    if rng.random() < 0.7:
        found["phase"] = concept(
            "http://terminology.hl7.org/CodeSystem/research-study-phase", f"phase-{rng.randint(1, 4)}", "Phase"
        )
    if rng.random() < 0.5:
        found["focus"] = [{"concept": concept(SNOMED, str(10**7 + _tail(rng, 400)), "A product")}]
    if rng.random() < 0.2:
        found["partOf"] = [_at(seed, "ResearchStudy", "ResearchStudy", number, rng)]
    return found


def _subject(rng: Random, seed: int, number: int) -> Resource:
    start = _day(rng)
    state = rng.choices(("candidate", "eligible", "on-study", "off-study", "withdrawn"), (20, 10, 50, 15, 5))[0]
    found: Resource = {
        "identifier": [{"system": "https://bench.example.org/subject", "value": f"S{number:07d}"}],
        "status": rng.choices(("active", "draft", "retired"), (90, 5, 5))[0],
        "progress": [
            {
                "subjectState": concept("http://terminology.hl7.org/CodeSystem/research-subject-state", state, state),
                "startDate": _date(start),
            }
        ],
        "study": _at(seed, "ResearchSubject", "ResearchStudy", number, rng),
        "subject": _at(seed, "ResearchSubject", "Patient", number, rng),
    }
    if rng.random() < 0.85:
        found["period"] = {"start": _date(start)}
        if rng.random() < 0.4:
            found["period"]["end"] = _date(start + timedelta(days=rng.randrange(1, 900)))
    return found


# -- patients --------------------------------------------------------------------------------------------------------


def _patient(rng: Random, seed: int, number: int) -> Resource:
    birth = datetime(1920, 1, 1) + timedelta(days=int(rng.triangular(0, 38000, 22000)))
    city, country = CITIES[_tail(rng, len(CITIES))]
    names = [{"use": "official", "family": _family(rng), "given": rng.sample(GIVENS, rng.randint(1, 2))}]
    if rng.random() < 0.1:
        names.append({"use": "maiden", "family": _family(rng)})
    found: Resource = {
        "identifier": [
            {"type": concept("http://terminology.hl7.org/CodeSystem/v2-0203", "MR", "Medical record number"),
             "system": "https://hospital.example.org/mrn", "value": f"M{number:08d}"},
        ],
        "name": names,
        "gender": rng.choices(("female", "male", "other", "unknown"), (51, 46, 2, 1))[0],
        "telecom": [{"system": "phone", "value": f"+47 {rng.randrange(10**8):08d}"}],
        "address": [
            {"line": [f"{rng.choice(FAMILIES)} street {rng.randrange(1, 200)}"], "city": city, "use": "home",
             "state": f"State {_tail(rng, 30)}", "postalCode": f"{rng.randrange(10**4):04d}", "country": country}
        ],
    }  # fmt: skip
    if rng.random() < 0.95:
        found["birthDate"] = birth.strftime("%Y-%m" if rng.random() < 0.03 else "%Y-%m-%d")
    if rng.random() < 0.9:
        found["active"] = rng.random() < 0.93
    if rng.random() < 0.4:
        found["telecom"].append({"system": "email", "value": f"m{number}@mail.example.org"})
    if rng.random() < 0.08:
        found["deceasedDateTime"] = _date(_day(rng))
    if rng.random() < 0.7:
        found["generalPractitioner"] = [{"reference": f"Practitioner/gp-{_tail(rng, 2000)}"}]
    if rng.random() < 0.8:
        found["managingOrganization"] = {"reference": f"Organization/h-{_tail(rng, 60)}"}
    if rng.random() < 0.6:
        language = rng.choice(("en", "nb", "de", "fr", "pl"))
        found["communication"] = [{"language": concept("urn:ietf:bcp:47", language, "A language")}]
    if rng.random() < 0.02:
        found["link"] = [{"other": _at(seed, "Patient", "Patient", number, rng), "type": "seealso"}]
    return found


def _family(rng: Random) -> str:
    """A name of a long tail: the rarer ones are double."""
    first = FAMILIES[_tail(rng, len(FAMILIES))]
    return first if rng.random() < 0.8 else f"{first}-{rng.choice(FAMILIES)}"


# -- observations ----------------------------------------------------------------------------------------------------


@cache
def _code(number: int) -> tuple[str, str, str]:
    """Code, display and unit of what is observed."""
    if number < len(LABS):
        return LABS[number].code, LABS[number].display, LABS[number].unit
    word = f"{FAMILIES[number % len(FAMILIES)]} {FAMILIES[number * 7 % len(FAMILIES)]}"
    return f"{10000 + number}-{number % 10}", f"{word} [Mass/volume] in Serum", _UNITS[number % len(_UNITS)]


def _observation(rng: Random, seed: int, number: int) -> Resource:
    place = _tail(rng, CODES)
    code, display, unit = _code(place)
    kind = rng.choices(("laboratory", "vital-signs", "survey", "imaging"), (70, 22, 6, 2))[0]
    found: Resource = {
        "status": rng.choices(("final", "amended", "preliminary", "entered-in-error"), (90, 5, 4, 1))[0],
        "category": [concept(_CATEGORY, kind, kind.title())],
        "code": concept(LOINC, code, display),
        "subject": _at(seed, "Observation", "Patient", number, rng),
    }
    if rng.random() < 0.6:
        found["identifier"] = [{"system": "https://lab.example.org/result", "value": f"R{number:09d}"}]
    if rng.random() < 0.1:
        found["category"].append(concept(_CATEGORY, "exam", "Exam"))
    if rng.random() < 0.5:
        found["encounter"] = {"reference": f"Encounter/e{number // 7}"}
    if rng.random() < 0.8:
        found["performer"] = [{"reference": f"Practitioner/p-{_tail(rng, 3000)}"}]
        if rng.random() < 0.3:
            found["performer"].append({"reference": f"Organization/lab-{_tail(rng, 40)}"})
    return found | _when(rng) | _value(rng, place, unit) | _besides(rng, seed, number)


def _when(rng: Random) -> Resource:
    at, chance = _day(rng), rng.random()
    if chance < 0.6:
        return {"effectiveDateTime": _instant(at)}
    if chance < 0.75:
        return {"effectiveDateTime": _date(at)}
    if chance < 0.77:
        return {"effectiveDateTime": at.strftime("%Y-%m")}
    if chance < 0.91:
        length = timedelta(hours=rng.randrange(1, 20)) if rng.random() < 0.7 else timedelta(days=rng.randrange(1, 1500))
        period = {"start": _instant(at), "end": _instant(at + length)}
        if rng.random() < 0.1:
            del period["end"]
        return {"effectivePeriod": period}
    return {}


def _value(rng: Random, place: int, unit: str) -> Resource:
    chance = rng.random()
    number = Decimal(f"{rng.lognormvariate(1 + place % 5, 0.6):.2f}")
    if chance < 0.66:
        value = quantity(number, unit)
        if rng.random() < 0.02:
            value["comparator"] = rng.choice(("<", ">"))
        return {"valueQuantity": value}
    if chance < 0.78:
        answer = _tail(rng, 200)
        return {"valueCodeableConcept": concept(SNOMED, str(2 * 10**8 + answer), f"Answer {answer}")}
    if chance < 0.83:
        return {"valueString": " ".join(rng.sample(FAMILIES, 4))}
    if chance < 0.93:
        parts = (("8480-6", "Systolic", rng.gauss(125, 18)), ("8462-4", "Diastolic", rng.gauss(80, 11)))
        return {
            "component": [
                {"code": concept(LOINC, code, word), "valueQuantity": quantity(Decimal(f"{size:.0f}"), "mm[Hg]")}
                for code, word, size in parts
            ]
        }
    return {"dataAbsentReason": concept(_ABSENT, rng.choice(("unknown", "error", "masked")), "Absent")}


def _besides(rng: Random, seed: int, number: int) -> Resource:
    found: Resource = {}
    if rng.random() < 0.2:
        found["method"] = concept(SNOMED, str(7 * 10**8 + _tail(rng, 60)), "A method")
    if rng.random() < 0.15:
        found["specimen"] = {"reference": f"Specimen/s{number // 3}"}
    if rng.random() < 0.1:
        found["device"] = {"reference": f"Device/d-{_tail(rng, 500)}"}
    if rng.random() < 0.1:
        found["basedOn"] = [{"reference": f"ServiceRequest/r{number // 2}"}]
    if rng.random() < 0.03:
        found["hasMember"] = [_at(seed, "Observation", "Observation", number, rng)]
    if rng.random() < 0.02:
        found["derivedFrom"] = [_at(seed, "Observation", "Observation", number, rng)]
    return found


_MAKERS: Mapping[str, Callable[[Random, int, int], Resource]] = {
    "ResearchStudy": _study,
    "ResearchSubject": _subject,
    "Patient": _patient,
    "Observation": _observation,
}
