"""Reads a trial record of any known format, found by its content and never by its name.

https://hl7.org/fhir/R5/researchstudy.html says what becomes of it.
"""

from __future__ import annotations

import hashlib

from fhirserver.errors import BadRequest, Issue, Malformed
from fhirserver.fhirjson import check_depth, loads
from fhirserver.mappers.readers import ctgov_json, ctgov_xml, ctis, euctr, isrctn, markup, registry_page, usdm
from fhirserver.mappers.trial import Reading, Trial

__all__ = ["EXPECTED", "read"]

EXPECTED = (
    "Expected a ClinicalTrials.gov API v2 study as JSON (with 'protocolSection') or a classic one as XML (with "
    "'clinical_study'), a USDM v4 study definition ('study' with 'versions'), a record of EU CTIS ('ctNumber' with an "
    "authorised part I), the EU Clinical Trials Register ('a2_eudract_number') or ISRCTN ('isrctn' with "
    "'trialDescription') as JSON, or the public page of a trial saved as text or HTML (with its NCT number and "
    "headings such as 'Status and phase' and 'Inclusion criteria')"
)


def read(data: bytes) -> Reading:
    """The trial of a record; raises Malformed or BadRequest where it is none."""
    text = _text(data)
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if not start:
        raise Malformed(f"The record is empty. {EXPECTED}.")
    if start in "{[":
        return _json(data, text)
    if ctgov_xml.recognises(text):
        # The bytes, for the document itself may name its encoding.
        trial, issues = ctgov_xml.read(data)
        return _reading(data, trial, issues, ctgov_xml.FORMAT, "application/xml")
    if markup.is_html(text):
        return _page(data, markup.lines(text), "text/html")
    return _page(data, text.lstrip("\ufeff").splitlines(), "text/plain")


def _text(data: bytes) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        if data[:1] in (b"{", b"["):
            raise Malformed("The record is JSON but not UTF-8: send it as UTF-8.") from None
    # Pages saved by older browsers; every byte has a meaning there but five.
    try:
        return data.decode("windows-1252")
    except UnicodeDecodeError:
        raise Malformed(f"The record is no text. {EXPECTED}.") from None


def _json(data: bytes, text: str) -> Reading:
    record = loads(text)
    if ctgov_json.recognises(record):
        trial, issues = ctgov_json.read(record)
        return _reading(data, trial, issues, ctgov_json.FORMAT, "application/json")
    for reader in (usdm, ctis, isrctn, euctr):
        if reader.recognises(record):
            check_depth(record)
            trial, issues = reader.read(record)
            return _reading(data, trial, issues, reader.FORMAT, "application/json")
    if isinstance(record, list) or (isinstance(record, dict) and "studies" in record):
        raise BadRequest("The body is a list of records: send one study at a time.")
    raise BadRequest(f"The record is JSON of a kind that is not read. {EXPECTED}.")


def _page(data: bytes, lines: list[str], media_type: str) -> Reading:
    if not registry_page.recognises(lines):
        raise BadRequest(f"The record is in a format that is not read. {EXPECTED}.")
    trial, issues = registry_page.read(lines)
    return _reading(data, trial, issues, registry_page.FORMAT, media_type)


def _reading(data: bytes, trial: Trial, issues: list[Issue], name: str, media_type: str) -> Reading:
    if trial.registry_id is None:
        issues.append(
            Issue(
                "warning",
                "required",
                "The record names no registry number; its study is known by the record's hash, "
                "so a later version of the record makes another study.",
                ("identifiers",),
            )
        )
    digest = hashlib.sha256(data).hexdigest()
    return Reading(trial, tuple(issues), name, digest, len(data), media_type)
