"""Reads one study of ClinicalTrials.gov's classic XML: brought into the shape of its API v2, then read as such.

https://clinicaltrials.gov/data-api/about-api/study-data-structure; the classic schema was
https://clinicaltrials.gov/ct2/html/images/info/public.xsd
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from fhirserver.errors import BadRequest, Issue
from fhirserver.fhirjson import interval
from fhirserver.mappers.parts import Event, Mesh, Moment
from fhirserver.mappers.readers import ctgov_json
from fhirserver.mappers.readers.ctgov_xml_protocol import protocol
from fhirserver.mappers.readers.ctgov_xml_results import results
from fhirserver.mappers.readers.ctgov_xml_words import date, flag, processed
from fhirserver.mappers.readers.relocate import relocate
from fhirserver.mappers.readers.xml_element import Element, Found, parse
from fhirserver.mappers.trial import Trial

FORMAT = "ctgov-xml"
_START = re.compile(
    # What is before the first element is never taken in two ways, or a made-up text could take for ever.
    r"(?>\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*+(?:\[.*?\]\s*+)?>)*+<clinical_study(?:\s[^>]*[^/>])?\s*>",
    re.DOTALL,
)


def recognises(text: str) -> bool:
    """Whether text is such a record, by its first element."""
    return _START.match(text) is not None


def read(data: bytes | str) -> tuple[Trial, list[Issue]]:
    """The trial, and what of the record was odd or found no place; raises Malformed where it is no XML."""
    root = parse(data)
    where: dict[str, str] = {}
    record = settle(translated(root), "", where)
    trial, issues = ctgov_json.read(record)

    def place(path: str) -> str:
        return _nearest(path, where, root.path)

    moved = [replace(one, expression=tuple(place(path) for path in one.expression)) for one in issues]
    whole = _more(relocate(trial, place), root, moved)
    return whole, moved + root.unread()


def translated(root: Element) -> dict[str, Any]:
    """The record in the shape of API v2; every value is a Found, with the XPath it came from."""
    header = root.child("required_header")
    # The same in all records, and the study's number once more.
    header.one("link_text")
    header.one("url")
    # The registry's own count and list of what stands below.
    root.one("number_of_arms")
    root.one("number_of_groups")
    root.child("location_countries").all("country")
    root.attribute("rank")
    return {
        "protocolSection": protocol(root),
        "resultsSection": results(root),
        "documentSection": {"largeDocumentModule": {"largeDocs": _documents(root)}},
        "derivedSection": {
            "miscInfoModule": {
                "versionHolder": header.one("download_date", processed),
                "removedCountries": root.child("removed_countries").all("country"),
                "submissionTracking": {"submissionInfos": _submissions(root)},
            }
        },
    }


def settle(value: Any, path: str, where: dict[str, str]) -> Any:
    """The plain record: places noted in `where` by their path in API v2, empty members left out."""
    if isinstance(value, Found):
        where[path] = value.path
        return settle(value.value, path, where)
    if isinstance(value, dict):
        found = {name: settle(one, f"{path}.{name}" if path else name, where) for name, one in value.items()}
        found = {name: one for name, one in found.items() if one not in (None, {}, [])}
        _within(path, (f"{path}.{name}" if path else name for name in found), where)
        return found
    if isinstance(value, list):
        listed = [settle(one, f"{path}[{number}]", where) for number, one in enumerate(value)]
        _within(path, (f"{path}[{number}]" for number in range(len(listed))), where)
        return listed
    return value


def _within(path: str, members: Iterable[str], where: dict[str, str]) -> None:
    """A module of API v2 that no element stands for is found where its first member is."""
    first = next((where[one] for one in members if one in where), None)
    if first:
        where.setdefault(path, first.rpartition("/")[0])


def _nearest(path: str, where: dict[str, str], root: str) -> str:
    """The XPath of a member, or of the nearest that holds it."""
    while path:
        if path in where:
            return where[path]
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return root


def _documents(root: Element) -> list[Found]:
    found = []
    for one in root.child("provided_document_section").children("provided_document"):
        url = one.one("document_url")
        has = {f"has{name}": one.one(f"document_has_{name.casefold()}", flag) for name in ("Protocol", "Sap", "Icf")}
        kinds = (("hasProtocol", "Prot"), ("hasSap", "SAP"), ("hasIcf", "ICF"))
        short = "_".join(kind for name, kind in kinds if (said := has[name]) and said.value is True)
        found.append(
            Found(
                {
                    "typeAbbrev": Found(short, one.path) if short else None,
                    **has,
                    "label": one.one("document_type"),
                    "date": one.one("document_date", date),
                    "filename": url and Found(url.value.rstrip("/").rpartition("/")[2], url.path),
                },
                one.path,
            )
        )
    return found


def _submissions(root: Element) -> list[Found]:
    """Submissions of results and what became of each, in the record's order."""
    pending = root.child("pending_results")
    names = {"submitted": "releaseDate", "returned": "resetDate", "submission_canceled": "unreleaseDate"}
    texts = {tag: iter(pending.all(tag)) for tag in names}
    found: list[dict[str, Any]] = []
    for part in pending.element:
        if part.tag not in names or (said := next(texts[part.tag], None)) is None:
            continue
        if part.tag == "submitted" or not found:
            found.append({})
        if said.value.casefold() == "unknown":
            found[-1]["unreleaseDateUnknown"] = Found(True, said.path)
        else:
            found[-1][names[part.tag]] = Found(date(said.value), said.path)
    return [Found(one, pending.path) for one in found]


def _more(trial: Trial, root: Element, issues: list[Issue]) -> Trial:
    """What the classic record says and API v2 has no member for: a quality check's date, MeSH terms without numbers."""
    events = trial.events
    if checked := _date(root.one("last_update_submitted_qc", date), issues):
        events = (*events, Event("update-submission-qc", checked))
    conditions, interventions = (
        tuple(Mesh(None, one.value, one.path) for one in root.child(f"{kind}_browse").all("mesh_term"))
        for kind in ("condition", "intervention")
    )
    return replace(trial, events=events, condition_terms=conditions, intervention_terms=interventions)


def _date(found: Found | None, issues: list[Issue]) -> Moment | None:
    """A date; what is none is reported."""
    if found is None:
        return None
    try:
        interval(found.value)
    except BadRequest:
        issues.append(Issue("warning", "value", f"'{found.value}' is no date; it was left out.", (found.path,)))
        return None
    return Moment(found.value, True, found.path)
