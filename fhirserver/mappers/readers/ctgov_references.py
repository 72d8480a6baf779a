"""Publications, links and the data sharing plan of a ClinicalTrials.gov study.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#ReferencesModule
"""

from __future__ import annotations

from fhirserver.mappers.codes import words
from fhirserver.mappers.parts import Artifact, Identifier, Text, Value
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.study_facts import ACCESS_RECORD, IDENTIFIER_LINK, RETRACTION, SEE_ALSO


def artifacts(protocol: Node, identifiers: tuple[Identifier, ...]) -> tuple[Artifact, ...]:
    """What to read about the study."""
    module = protocol.child("referencesModule")
    found = [
        *expanded_access(protocol),
        *_publications(module),
        *_links(module),
        *_data_sets(module),
    ]
    found += [
        Artifact(
            "documentation",
            label=identifier.value,
            url=identifier.link,
            classifier=IDENTIFIER_LINK,
            path=identifier.path,
        )
        for identifier in identifiers
        if identifier.link
    ]
    return tuple(found)


def _publications(module: Node) -> list[Artifact]:
    found = []
    for node in module.children("references"):
        pmid = node.line("pmid")
        url = _pubmed(pmid)
        text, kind = node.line("citation"), node.line("type")
        if text or url:
            found.append(
                Artifact("cites", text=text, label=None if url else pmid, url=url, classifier=kind, path=node.path)
            )
            found += _retractions(node)
    return found


def _retractions(node: Node) -> list[Artifact]:
    """Each follows the publication that it takes back."""
    found = []
    for each in node.children("retractions"):
        pmid, source = each.line("pmid"), each.line("source")
        url = _pubmed(pmid)
        if url or source:
            found.append(Artifact("retracted-by", label=source, url=url, classifier=RETRACTION, path=each.path))
    return found


def _pubmed(pmid: str | None) -> str | None:
    return f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/" if pmid and pmid.isdigit() else None


def expanded_access(protocol: Node) -> list[Artifact]:
    """The record under which the product is to be had outside the study."""
    info = protocol.child("statusModule").child("expandedAccessInfo")
    number, status = info.line("nctId"), info.line("statusForNctId")
    if not number:
        return []
    label = words(status) if status else None
    return [Artifact("documentation", label=label, classifier=ACCESS_RECORD, registered=number, path=info.path)]


def _links(module: Node) -> list[Artifact]:
    return [
        Artifact("documentation", label=node.line("label"), url=url, classifier=SEE_ALSO, path=node.path)
        for node in module.children("seeAlsoLinks")
        if (url := node.line("url"))
    ]


def _data_sets(module: Node) -> list[Artifact]:
    found = []
    for node in module.children("availIpds"):
        name, kind = node.line("id"), node.line("type")
        url, comment = node.line("url"), node.text("comment")
        if name or url:
            found.append(
                Artifact(
                    "supported-with",
                    text=comment.value if comment else None,
                    label=name,
                    url=url,
                    classifier=kind,
                    path=node.path,
                )
            )
    return found


def sharing(protocol: Node) -> tuple[Text | None, tuple[Text, ...]]:
    """Whether participants' data will be shared, and what is said about it."""
    module = protocol.child("ipdSharingStatementModule")
    notes: list[Text] = []
    for name, label in (
        ("description", "Data sharing plan"),
        ("timeFrame", "Data sharing time frame"),
        ("accessCriteria", "Data sharing access criteria"),
        ("url", "Data sharing link"),
    ):
        if value := module.text(name):
            notes.append(Value(f"{label}: {value.value}", value.path))
    if kinds := module.lines("infoTypes"):
        names = ", ".join(kind.value.replace("_", " ").capitalize() for kind in kinds)
        notes.append(Value(f"Data sharing documents: {names}", module.at("infoTypes")))
    return module.title("ipdSharing"), tuple(notes)
