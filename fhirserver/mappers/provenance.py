"""Where a study's resources came from: the record with its number, hash and version, and the software that read it.

https://hl7.org/fhir/R5/provenance.html, https://www.rfc-editor.org/rfc/rfc6920#section-7 for the form of the hash
"""

from __future__ import annotations

from typing import Any

from fhirserver.mappers.codes import THO
from fhirserver.mappers.identity import URI, link
from fhirserver.mappers.naming import Naming
from fhirserver.mappers.narrative import narrative
from fhirserver.mappers.trial import Reading

Resource = dict[str, Any]

_FORMATS = {
    "ctgov-v2": "ClinicalTrials.gov API v2 study",
    "ctgov-xml": "ClinicalTrials.gov classic XML study",
    "registry-page": "public registry page",
    "usdm": "USDM study definition",
    "ctis": "EU CTIS record",
    "euctr": "EU Clinical Trials Register record",
    "isrctn": "ISRCTN record",
}


def provenance(reading: Reading, names: Naming, targets: list[Resource], at: str, software: str) -> Resource:
    """The Provenance of one record; its id comes from the record's bytes, so that reading them again makes no other."""
    number = reading.trial.registry_id
    source = f"{_FORMATS.get(reading.format, reading.format)} {number or ''}".strip()
    digest = f"nih:sha-256;{reading.sha256}"
    version = reading.trial.version.value if reading.trial.version else None
    return {
        "resourceType": "Provenance",
        "id": f"{names.stem}-{reading.sha256[:16]}",
        "text": narrative(
            f"Source of {names.stem}",
            [
                ("Record", source),
                ("Version of the record", version),
                ("SHA-256", reading.sha256),
                ("Read at", at),
                ("Read by", software),
            ],
        ),
        "contained": [_record(reading, source, digest, version)],
        "target": [link(target) for target in targets],
        "occurredDateTime": at,
        "recorded": at,
        "activity": {"text": "Import of a trial record"},
        "agent": [
            {
                "type": {
                    "coding": [
                        {"system": f"{THO}provenance-participant-type", "code": "assembler", "display": "Assembler"}
                    ]
                },
                "who": {"type": "Device", "display": software},
            }
        ],
        "entity": [{"role": "source", "what": {"reference": "#source", "display": source}}],
    }


def _record(reading: Reading, source: str, digest: str, version: str | None) -> Resource:
    identifiers = [{"system": URI, "value": digest}]
    if reading.trial.registry_id:
        identifiers.insert(0, {"system": reading.trial.registry, "value": reading.trial.registry_id})
    attachment: Resource = {"contentType": reading.media_type, "size": str(reading.size), "title": source}
    if version:
        attachment["creation"] = version
    return {
        "resourceType": "DocumentReference",
        "id": "source",
        "identifier": identifiers,
        "status": "current",
        "content": [{"attachment": attachment}],
    }
