"""What to read, and which data are shared: referencesModule and ipdSharingStatementModule.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#ReferencesModule
"""

from __future__ import annotations

from collections.abc import Iterator

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back.gathered import Gathered
from fhirserver.mappers.back.shape import after, classified, markup, notes, text_of, unworded
from fhirserver.mappers.study_facts import RETRACTION, SEE_ALSO, SHARED, SHARING

_PUBMED = "https://pubmed.ncbi.nlm.nih.gov/"


def module(found: Gathered) -> Resource:
    """Publications with their retractions, links, data sets."""
    return {
        "references": list(_publications(found.study)),
        "seeAlsoLinks": [
            {"label": markup(one.get("display")), "url": _address(one)}
            for one in found.study.get("relatedArtifact", ())
            if SEE_ALSO in _kinds(one)
        ],
        "availIpds": [
            {
                "id": one.get("display"),
                "type": next(iter(_kinds(one)), None),
                "url": _address(one, "label"),
                "comment": markup(one.get("citation")),
            }
            for one in found.study.get("relatedArtifact", ())
            if one.get("type") == "supported-with"
        ],
    }


def _publications(study: Resource) -> Iterator[Resource]:
    told: Resource | None = None
    for one in study.get("relatedArtifact", ()):
        match one.get("type"):
            case "cites":
                if told:
                    yield told
                kind = next(iter(_kinds(one)), None)
                told = {"pmid": _pmid(one), "type": kind, "citation": one.get("citation"), "retractions": []}
            case "retracted-by" if told and RETRACTION in _kinds(one):
                told["retractions"].append({"pmid": _pmid(one), "source": one.get("display")})
    if told:
        yield told


def _kinds(one: Resource) -> list[str]:
    return [said for kind in one.get("classifier", ()) if (said := text_of(kind))]


def _address(one: Resource, beside: str = "citation") -> str | None:
    """Its address; what is no URL is kept as text."""
    found = one.get("document", {}).get("url") or one.get(beside)
    return found if isinstance(found, str) else None


def _pmid(one: Resource) -> str | None:
    url = one.get("document", {}).get("url", "")
    return url.removeprefix(_PUBMED).strip("/") if url.startswith(_PUBMED) else one.get("label")


def sharing(found: Gathered) -> Resource:
    """Whether data on participants will be shared, and how."""
    said = after(classified(found.study), SHARED)
    prose = notes(found.study)
    kinds = after(prose, "Data sharing documents")
    return {
        "ipdSharing": next((code for code, words in SHARING.items() if words == said), None)
        or (unworded(said) if said else None),
        "description": markup(after(prose, "Data sharing plan")),
        "infoTypes": [unworded(kind) for kind in kinds.split(", ")] if kinds else [],
        "timeFrame": after(prose, "Data sharing time frame"),
        "accessCriteria": markup(after(prose, "Data sharing access criteria")),
        "url": after(prose, "Data sharing link"),
    }
