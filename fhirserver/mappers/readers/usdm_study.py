"""What a study definition says of the study as a whole: design codes, topics, dates, amendments.

https://github.com/cdisc-org/DDF-RA (USDM v4: StudyVersion, StudyAmendment)
"""

from __future__ import annotations

from collections.abc import Mapping

from fhirserver.mappers.parts import Design, Text, Value
from fhirserver.mappers.protocol_parts import Coded
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.usdm_document import dates, scope, scopes
from fhirserver.mappers.readers.usdm_parts import Source, code_of, codes_of, joined, quantity_words, words

_TYPES = {"C98388": "INTERVENTIONAL", "C16084": "OBSERVATIONAL", "C98722": "EXPANDED_ACCESS"}
_PHASES = {
    "C15600": ("PHASE1",),
    "C15693": ("PHASE1", "PHASE2"),
    "C15601": ("PHASE2",),
    "C15694": ("PHASE2", "PHASE3"),
    "C15602": ("PHASE3",),
    "C15603": ("PHASE4",),
    "C48660": ("NA",),
    "C54721": ("EARLY_PHASE1",),
}
_MODELS = {
    "C82639": "PARALLEL",
    "C82637": "CROSSOVER",
    "C82638": "FACTORIAL",
    "C82640": "SINGLE_GROUP",
    "C142568": "SEQUENTIAL",
}
_MASKINGS = {"C49659": "NONE", "C28233": "SINGLE", "C15228": "DOUBLE"}
_PURPOSES = {
    "C49656": "TREATMENT",
    "C49657": "PREVENTION",
    "C49653": "DIAGNOSTIC",
    "C71485": "SCREENING",
    "C71486": "SUPPORTIVE_CARE",
    "C15245": "HEALTH_SERVICES_RESEARCH",
    "C15714": "BASIC_SCIENCE",
    "C139174": "DEVICE_FEASIBILITY",
}
_PERSPECTIVES = {"C53310": "CROSS_SECTIONAL", "C15273": "PROSPECTIVE", "C53312": "RETROSPECTIVE"}


def _one(node: Node, name: str, table: Mapping[str, str]) -> Text | None:
    code = code_of(node, name)
    found = table.get(code.code or "") if code else None
    return Value(found, node.at(name)) if found else None


def design(node: Node) -> Design:
    """The design in the registry's codes, where there are any; all codes stand in `design_codes` besides."""
    phase = code_of(node, "studyPhase")
    phases = _PHASES.get(phase.code or "", ()) if phase else ()
    purposes = [code.code for code in codes_of(node, "intentTypes")]
    purpose = next((_PURPOSES[code] for code in purposes if code in _PURPOSES), None)
    return Design(
        study_type=_one(node, "studyType", _TYPES),
        phases=tuple(Value(one, node.at("studyPhase")) for one in phases),
        purpose=Value(purpose, node.at("intentTypes")) if purpose else None,
        model=_one(node, "model", _MODELS),
        masking=_one(node, "blindingSchema", _MASKINGS),
        time_perspective=_one(node, "timePerspective", _PERSPECTIVES),
    )


def design_codes(node: Node) -> tuple[Coded, ...]:
    """The codes of the definition itself."""
    one = ("studyType", "studyPhase", "model", "blindingSchema", "timePerspective", "samplingMethod")
    found = [code for name in one if (code := code_of(node, name))]
    return (*found, *codes_of(node, "intentTypes"))


def topics(node: Node, source: Source) -> tuple[tuple[Coded, ...], tuple[Text, ...]]:
    """Indications with their codes, and which of them are rare."""
    found: list[Coded] = []
    rare: list[Text] = []
    for one in node.children("indications"):
        named = source.named(one)
        codes = codes_of(one, "codes")
        flag = one.flag("isRareDisease")
        said = named.description or named.title
        aliases = codes[1:] if codes else ()
        first = codes[0] if codes else Coded(said)
        found.append(Coded(first.display, first.code, first.system, first.version, aliases, one.path))
        about = joined((named.name, named.label, named.description), ", ")
        state = "" if flag is None else " (rare disease)" if flag.value else " (not a rare disease)"
        rare.append(Value(f"Indication: {about}{state}", one.path))
    return tuple(found), tuple(rare)


def classifiers(version: Node, node: Node) -> tuple[Coded, ...]:
    """Therapeutic areas, characteristics, kinds of trial."""
    return (
        *codes_of(version, "businessTherapeuticAreas"),
        *codes_of(node, "therapeuticAreas"),
        *codes_of(node, "characteristics"),
        *codes_of(node, "subTypes"),
    )


def facts(root: Node, version: Node) -> tuple[Text, ...]:
    """The version of the study and of the model, and the system that wrote it."""
    named = (
        (version, "versionIdentifier", "Version of the study"),
        (root, "usdmVersion", "USDM version"),
        (root, "systemName", "Written by"),
        (root, "systemVersion", "Written by version"),
    )
    return tuple(Value(f"{label}: {said}", node.at(name)) for node, name, label in named if (said := node.line(name)))


def notes(study: Node, version: Node, node: Node, source: Source) -> tuple[Text, ...]:
    """Prose on the study, its dates, its amendments."""
    found = [
        Value(f"{label}: {said}", where.at(name))
        for where, name, label in (
            (study, "description", "Study"),
            (node, "description", "Design"),
            (node, "rationale", "Rationale of the design"),
        )
        if (said := source.prose(where, name))
    ]
    if title := joined((node.line("name"), node.line("label")), ", "):
        found.append(Value(f"Name of the design: {title}", node.at("name")))
    found += [Value(note, where.at("notes")) for where in (version, node) for note in source.notes(where)]
    found += dates(version, source)
    for one in version.children("abbreviations"):
        one.skip("id")
        found.append(Value(f"Abbreviation: {one.line('abbreviatedText')} = {one.line('expandedText')}", one.path))
    found += [_amendment(one, source) for one in version.children("amendments")]
    return tuple(found)


def _amendment(node: Node, source: Source) -> Text:
    """An amendment as one paragraph a fact."""
    named = source.named(node)
    said = [f"Amendment {node.line('number') or ''}: {joined((named.name, named.label, named.description))}"]
    if summary := source.prose(node, "summary"):
        said.append(summary)
    said += [f"Primary reason: {_reason(node.child('primaryReason'), source)}"]
    said += [f"Secondary reason: {_reason(one, source)}" for one in node.children("secondaryReasons")]
    for one in node.children("changes"):
        change = source.named(one)
        sections = []
        for each in one.children("changedSections"):
            each.skip("id", "appliesToId")
            sections.append(joined((each.line("sectionNumber"), each.line("sectionTitle")), " "))
        texts = (change.name, change.title, change.description)
        prose = (source.prose(one, "summary"), source.prose(one, "rationale"))
        said.append(f"Change: {joined((*texts, *prose, *sections))}")
    for one in node.children("impacts"):
        one.skip("id")
        kind, flag = code_of(one, "type"), one.flag("isSubstantial")
        state = None if flag is None else "substantial" if flag.value else "not substantial"
        said.append(f"Impact: {joined((words(kind), source.prose(one), state))}")
    for one in node.children("enrollments"):
        enrolment = source.named(one)
        where = one.child("forGeographicScope")
        one.skip("forStudyCohortId", "forStudySiteId")
        text = (enrolment.name, enrolment.label, enrolment.description, quantity_words(one.child("quantity")))
        said.append(f"Enrolment: {joined((*text, *scope(where)))}")
    said += [one.value for one in dates(node, source)]
    if where_all := scopes(node):
        said.append(f"Applies to: {joined(where_all)}")
    said += named.notes
    return Value("\n\n".join(said), node.path)


def _reason(node: Node, source: Source) -> str:
    node.skip("id")
    code = code_of(node, "code")
    return joined((words(code), source.prose(node, "otherReason")))
