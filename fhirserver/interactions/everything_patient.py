"""Patient/{id}/$everything and Patient/$everything: the compartment of one patient, or of all.

https://hl7.org/fhir/R5/patient-operation-everything.html, https://hl7.org/fhir/R5/compartmentdefinition-patient.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from fhirserver import fhirjson
from fhirserver.errors import BadRequest
from fhirserver.interactions.everything import COMMON, Part, Record, everything
from fhirserver.interactions.operation import Answer, Call, Operation
from fhirserver.interactions.read import read
from fhirserver.interactions.resolve import resolved
from fhirserver.interactions.server import Server
from fhirserver.resources.arguments import Arguments, Parameter
from fhirserver.resources.registry import Release, compartments
from fhirserver.search.compartments import ITSELF, membership
from fhirserver.search.indexing import MEMBERS
from fhirserver.search.kinds.terms import Filter
from fhirserver.search.mongo import LIVE, to_mongo
from fhirserver.search.named import named
from fhirserver.search.parameters import standard, viewed
from fhirserver.store.documents import Version
from fhirserver.store.walks import Stretch

PATIENT = "Patient"

_OTHER_DATES = frozenset(
    {"birthdate", "death-date", "value-date", "payment-date", "verified-date", "modified", "target-date"}
)
"""Dates that say something else than when care was given."""


async def _everything(server: Server, call: Call, given: Arguments) -> Answer:
    types = await server.store.types()
    asked = _care(given)
    if call.id is None:
        parts = [
            Part(type_, Stretch(type_, _of_anybody(server, type_, codes)), _dated(server.release, type_, asked))
            for type_, codes in _compartment(server.release, types)
        ]
        parts.insert(0, Part("", Stretch(PATIENT, LIVE)))
        record = Record(parts, frozenset({PATIENT}), _names_a_patient)
        return await everything(server, call, given, record)
    await read(server, PATIENT, call.id, within=call.within)
    parts = [Part("", Stretch(PATIENT, {"_id": call.id, **LIVE}))]
    for type_, _ in _compartment(server.release, types):
        where = await _of_one(server, call, type_)
        parts.append(Part(type_, Stretch(type_, where), _dated(server.release, type_, asked)))
    return await everything(server, call, given, Record(parts, frozenset({PATIENT})))


def _compartment(release: Release, types: Iterable[str]) -> list[tuple[str, Sequence[str]]]:
    """The types of which there is anything, with the parameters that put a resource into a patient's compartment."""
    table = compartments(release)[PATIENT]
    there = set(types)
    return [
        (type_, found)
        for type_ in sorted(table)
        if type_ in there and (found := tuple(code for code in table[type_] if code != ITSELF))
    ]


async def _of_one(server: Server, call: Call, type_: str) -> Filter:
    node = membership(server.release, PATIENT, call.id or "", type_, (f"{server.base}/",))
    found = to_mongo(await resolved(server, call.reader(server), node), server.release)
    # The patient itself has a part of its own.
    return {"$and": [found, {"_id": {"$ne": call.id}}]} if type_ == PATIENT else found


def _of_anybody(server: Server, type_: str, codes: Sequence[str]) -> Filter:
    if type_ == PATIENT:
        return {"_id": {"$in": []}}
    if any((type_, code) == MEMBERS for code in codes):
        return LIVE
    known = [named(server.release, type_)[code] for code in codes]
    names = "|".join(re.escape(part) for each in known for part in each.union or (each.code,))
    return {"$and": [LIVE, {"t": {"$regex": rf"^(?:{names})\|(?:{re.escape(server.base)}/)?Patient/"}}]}


def _names_a_patient(version: Version) -> bool:
    """Whether a Group has a patient among its members, which are kept apart from its postings."""
    return version.type != MEMBERS[0] or _has_patient(fhirjson.loads(version.body))


def _has_patient(group: fhirjson.Resource) -> bool:
    entities = (str(member.get("entity", {}).get("reference", "")) for member in group.get("member", ()))
    return any(literal.type == PATIENT for entity in entities if (literal := fhirjson.literal(entity)))


# -- care dates --------------------------------------------------------------------------------------------------------


def _care(given: Arguments) -> fhirjson.Interval | None:
    """From the first moment of `start` to the last one of `end`; None where neither is given."""
    start, end = given.one("start"), given.one("end")
    if start is None and end is None:
        return None
    low = fhirjson.interval(start or "0001").low
    high = fhirjson.interval(end or "9999").high
    if low >= high:
        raise BadRequest("'end' lies before 'start': exchange them.", expression=given.where("end"), code="value")
    return fhirjson.Interval(low, high)


@cache
def care_dates(release: Release, type_: str) -> tuple[str, ...]:
    """The search parameters that say when the care a resource is about was given."""
    return tuple(
        code
        for code, parameter in standard(release, type_).items()
        if parameter.kind == "date" and not code.startswith(("_", viewed(""))) and code not in _OTHER_DATES
    )


def _dated(release: Release, type_: str, asked: fhirjson.Interval | None) -> Filter | None:
    """Resources with a care date in the range; what has no such date is not left out."""
    codes = [key for code in care_dates(release, type_) for key in (code, f"~{code}")]
    if asked is None or not codes:
        return None
    inside = {"$elemMatch": {"k": {"$in": codes}, "lo": {"$lt": asked.high}, "hi": {"$gt": asked.low}}}
    return {"$or": [{"x": inside}, {"x.k": {"$nin": codes}}]}


_RANGE = (
    Parameter("start", "date", "Only care given on this day or later; what has no date of care is there all the same."),
    Parameter("end", "date", "Only care given on this day or before."),
)

PATIENT_EVERYTHING = Operation(
    code="everything",
    title="All of a patient's record",
    description=(
        "The patient, all resources of the patient's compartment, and what these refer to: practitioners, roles and "
        "who has them, organizations, locations, medications, devices, binaries, studies. Versions that a reference "
        "names are among them. Other patients are not. Without an id it is the records of all patients."
    ),
    handler=_everything,
    levels=("type", "instance"),
    types=(PATIENT,),
    parameters=(*_RANGE, *COMMON),
    returns=Parameter("return", "Bundle", "A Bundle of type searchset, with a link to the next page.", min=1),
    affects_state=False,
    standard="Patient-everything",
    whole=True,
    paged=True,
)
