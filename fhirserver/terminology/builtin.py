"""Value sets that need no loading: those of the release's required bindings, and those that their URLs define.

https://hl7.org/fhir/R5/terminologies-valuesets.html, https://hl7.org/fhir/R5/snomedct.html#implicit. The tables of the
release hold the codes of the former, and no words for them.
"""

from __future__ import annotations

from fhirserver.fhirjson import Resource
from fhirserver.resources import registry
from fhirserver.resources.canonicals import parts
from fhirserver.resources.registry import VERSIONS, Release

_SNOMED = "http://snomed.info/sct"
_LOINC = "http://loinc.org"


def valueset(release: Release, canonical: str) -> Resource | None:
    """The definition of such a value set; None when the canonical names no such."""
    url, version = parts(canonical)
    content = registry.valueset(release, url)
    if content is not None and version in (None, VERSIONS[release]):
        rows = [
            {"system": system, "concept": [{"code": code} for code in sorted(codes)]}
            for system, codes in content.items()
        ]
        return _made(url, VERSIONS[release], *rows)
    return _implicit(url, version)


def _implicit(url: str, version: str | None) -> Resource | None:
    """The value sets of SNOMED CT and LOINC that a URL stands for; what they hold comes from their CodeSystems."""
    if url == f"{_LOINC}/vs":
        return _made(url, version, {"system": _LOINC} | ({"version": version} if version else {}))
    system, query, asked = url.partition("?fhir_vs")
    edition = system.removeprefix(_SNOMED)
    if not query or version or not system.startswith(_SNOMED) or (edition and not edition.startswith("/")):
        return None
    row: Resource = {"system": _SNOMED} | ({"version": system} if edition else {})
    if asked.startswith("=isa/") and (top := asked.removeprefix("=isa/")):
        row["filter"] = [{"property": "concept", "op": "is-a", "value": top}]
    elif asked:
        return None
    return _made(url, None, row)


def _made(url: str, version: str | None, *include: Resource) -> Resource:
    made: Resource = {"resourceType": "ValueSet", "url": url}
    if version:
        made["version"] = version
    # What the specification says of its status and words is not in the tables.
    return made | {"status": "unknown", "compose": {"include": list(include)}}
