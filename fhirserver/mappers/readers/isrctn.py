"""Reads a record of the ISRCTN registry, its XML turned into JSON.

https://www.isrctn.com/page/definitions
"""

from __future__ import annotations

import re
from typing import Any

from fhirserver.errors import Issue
from fhirserver.mappers.more_parts import Address, Body, Decision, More, Number, Reach
from fhirserver.mappers.parts import (
    Artifact,
    Design,
    Eligibility,
    Enrolment,
    Identifier,
    Intervention,
    Moment,
    Outcome,
    Site,
    Stated,
    Text,
    Value,
)
from fhirserver.mappers.protocol_parts import Coded
from fhirserver.mappers.readers import spoken
from fhirserver.mappers.readers.ages import age
from fhirserver.mappers.readers.ctgov_json import NCT
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.usdm_parts import joined
from fhirserver.mappers.trial import Trial

FORMAT = "isrctn"
SYSTEM = "https://www.isrctn.com"
EUDRACT = "https://eudract.ema.europa.eu"

_TYPES = {"interventional": "INTERVENTIONAL", "observational": "OBSERVATIONAL"}
_PURPOSES = {
    "treatment": "TREATMENT",
    "prevention": "PREVENTION",
    "screening": "SCREENING",
    "diagnostic": "DIAGNOSTIC",
    "other": "OTHER",
}
_INTERVENTIONS = {
    "drug": "DRUG",
    "biological/vaccine": "BIOLOGICAL",
    "behavioural": "BEHAVIORAL",
    "device": "DEVICE",
    "procedure/surgery": "PROCEDURE",
    "supplement": "DIETARY_SUPPLEMENT",
    "genetic": "GENETIC",
    "other": "OTHER",
}
_PHASES = {
    "phase i": ("PHASE1",),
    "phase ii": ("PHASE2",),
    "phase iii": ("PHASE3",),
    "phase iv": ("PHASE4",),
    "phase i/ii": ("PHASE1", "PHASE2"),
    "phase ii/iii": ("PHASE2", "PHASE3"),
    "phase 0": ("EARLY_PHASE1",),
    "not applicable": ("NA",),
    **{f"phase {n}": (f"PHASE{n}",) for n in "1234"},
}
_STATUSES = {"stopped": "TERMINATED", "suspended": "SUSPENDED", "completed": "COMPLETED"}
_SEXES = {"all": "ALL", "both": "ALL", "female": "FEMALE", "male": "MALE"}
_COUNT = re.compile(r"\d{1,7}")
_ITEM = re.compile(r"^\s*(?:\d{1,2}(?:\.\d{1,2})*[.)]|[-•*])\s+")


def recognises(record: Any) -> bool:
    """Whether decoded JSON is such a record."""
    return isinstance(record, dict) and "isrctn" in record and isinstance(record.get("trialDescription"), dict)


def read(record: dict[str, Any]) -> tuple[Trial, list[Issue]]:
    """The trial, and what of the record was odd or found no place."""
    issues: list[Issue] = []
    root = Node(_shaped(record), "", issues)
    trial = _Record(root, issues).trial()
    return trial, issues + root.unread()


def _shaped(value: Any, parent: str = "") -> Any:
    """XML that became JSON: white space between elements says nothing, and a list of one has lost its brackets."""
    if isinstance(value, dict):
        found = {name: _shaped(one, name) for name, one in value.items()}
        said = {name: one for name, one in found.items() if one not in (None, "", {}, [])}
        return {
            name: [one] if name in _LISTS.get(parent, ()) and not isinstance(one, list) else one
            for name, one in said.items()
        }
    if isinstance(value, list):
        return [_shaped(one, parent) for one in value]
    return value if not isinstance(value, str) or value.strip() else None


_LISTS = {
    "secondaryNumbers": ("secondaryNumber",),
    "trialTypes": ("trialType",),
    "trialSettings": ("trialSetting",),
    "recruitmentCountries": ("country",),
    "trialCentres": ("trialCentre",),
    "participantTypes": ("participantType",),
    "conditions": ("condition",),
    "interventions": ("intervention",),
    "outputs": ("output",),
    "attachedFiles": ("attachedFile",),
    "ethicsCommittees": ("ethicsCommittee",),
    "dataPolicies": ("dataPolicy",),
    "primaryOutcomes": ("outcomeMeasure",),
    "secondaryOutcomes": ("outcomeMeasure",),
    "parties": ("sponsorId", "funderId", "contactId"),
}


class _Record:
    """One record, its sections by name."""

    def __init__(self, root: Node, issues: list[Issue]) -> None:
        self._root = root
        self._issues = issues
        self._facts: list[Text] = []
        self._notes: list[Text] = []
        self.about, self.refs = root.child("trialDescription"), root.child("externalRefs")
        self.design, self.people = root.child("trialDesign"), root.child("participants")
        self.results = root.child("results")

    def fact(self, node: Node, name: str, label: str) -> None:
        """A short statement, kept as a classifier."""
        if said := node.text(name):
            self._facts.append(Value(f"{label}: {said.value}", said.path))

    def facts(self, node: Node, name: str, label: str) -> None:
        """A list of them."""
        self._facts += [Value(f"{label}: {said.value}", said.path) for said in node.lines(name)]

    def note(self, node: Node, name: str, label: str) -> None:
        """Prose, kept as a note."""
        if said := node.text(name):
            self._notes.append(Value(f"{label}: {said.value}", said.path))

    def trial(self) -> Trial:
        """The trial."""
        identifiers = self._identifiers()
        design = self._design()
        interventions, phases = self._interventions()
        conditions, keywords = self._conditions()
        enrolment, target = self._enrolment()
        override = self.design.title("overallStatusOverride")
        status = _STATUSES.get(override.value.casefold()) if override else None
        if override and not status:
            self._facts.append(Value(f"Overall status: {override.value}", override.path))
        end = self._moment(self.design, "overallEndDate")
        start = self._moment(self.people, "recruitmentStart")
        decisions = self._decisions()
        sharing = self._root.child("miscellaneous").title("ipdSharingPlan")
        eligibility = self._eligibility()
        bodies = (*self._committees(), *self._parties())
        artifacts = self._artifacts(identifiers)
        self._rest()
        return Trial(
            identifiers=identifiers,
            title=self.about.title("title"),
            official_title=self.about.title("scientificTitle"),
            acronym=self.about.title("acronym"),
            status=Value(status, override.path) if status and override else None,
            why_stopped=self.design.text("reasonAbandoned"),
            start=start,
            completion=end,
            summary=self.about.text("plainEnglishSummary"),
            description=self.about.text("studyHypothesis"),
            conditions=conditions,
            keywords=keywords,
            design=Design(
                study_type=design[0],
                phases=phases,
                purpose=design[1],
            ),
            enrolment=enrolment,
            interventions=interventions,
            outcomes=self._outcomes(),
            eligibility=eligibility,
            sites=self._sites(),
            artifacts=artifacts,
            data_sharing=Value(sharing.value.upper(), sharing.path) if sharing else None,
            facts=tuple(self._facts),
            more=More(
                bodies=bodies,
                notes=tuple(self._notes),
                regions=self._regions(),
                decisions=decisions,
                target=target,
                design=design[2],
            ),
        )

    def _identifiers(self) -> tuple[Identifier, ...]:
        found: list[Identifier] = []
        number = self._root.line("isrctn")
        if number:
            value = number if number.upper().startswith("ISRCTN") else f"ISRCTN{number}"
            page = f"{SYSTEM}/{value}"
            found.append(Identifier("registry", value, system=SYSTEM, link=page, path="isrctn"))
        others = (
            ("protocolSerialNumber", "organisation", "Protocol serial number", None),
            ("eudraCTNumber", "secondary", "EudraCT number", EUDRACT),
            ("irasNumber", "secondary", "IRAS number", None),
        )
        for name, kind, label, system in others:
            said = self.refs.title(name)
            if said and any(letter.isdigit() for letter in said.value):
                found.append(
                    Identifier(
                        "organisation" if kind == "organisation" else "secondary",
                        said.value,
                        label,
                        system=system,
                        path=said.path,
                    )
                )
            elif said:
                self._facts.append(Value(f"{label}: {said.value}", said.path))
        registered = self.refs.title("clinicalTrialsGovNumber")
        if registered and NCT.fullmatch(registered.value):
            system = "http://clinicaltrials.gov"
            kind = "ClinicalTrials.gov number"
            found.append(Identifier("secondary", registered.value, kind, system=system, path=registered.path))
        elif registered:
            self._facts.append(Value(f"ClinicalTrials.gov number: {registered.value}", registered.path))
        known = {one.value for one in found}
        numbered = self.refs.child("secondaryNumbers").lines("secondaryNumber")
        found += [Identifier("secondary", one.value, path=one.path) for one in numbered if one.value not in known]
        return tuple(found)

    def _design(self) -> tuple[Text | None, Text | None, tuple[Coded, ...]]:
        kind = self.design.title("primaryStudyDesign")
        study_type = _TYPES.get(kind.value.casefold()) if kind else None
        coded = [
            Coded(said.value, path=said.path)
            for name in ("studyDesign", "secondaryStudyDesign")
            if (said := self.design.title(name))
        ]
        if kind and not study_type:
            coded.insert(0, Coded(kind.value, path=kind.path))
        purpose: Text | None = None
        for one in self.design.child("trialTypes").lines("trialType"):
            code = _PURPOSES.get(one.value.casefold())
            if code and purpose is None:
                purpose = Value(code, one.path)
            else:
                self._facts.append(Value(f"Trial type: {one.value}", one.path))
        self.facts(self.design.child("trialSettings"), "trialSetting", "Setting")
        return (Value(study_type, kind.path) if study_type and kind else None), purpose, tuple(coded)

    def _interventions(self) -> tuple[tuple[Intervention, ...], tuple[Text, ...]]:
        found = []
        phases: tuple[Text, ...] = ()
        for node in self._root.child("interventions").children("intervention"):
            kind, drugs, said = node.title("interventionType"), node.title("drugNames"), node.prose("description")
            phase = node.title("phase")
            codes = _PHASES.get(phase.value.casefold()) if phase else None
            if phase and codes and not phases:
                phases = tuple(Value(code, phase.path) for code in codes)
            elif phase:
                self._facts.append(Value(f"Phase: {phase.value}", phase.path))
            self.fact(node, "pharmaceuticalStudyTypes", "Pharmaceutical study type")
            code = _INTERVENTIONS.get(kind.value.casefold()) if kind else None
            if kind and not code:
                self._facts.append(Value(f"Intervention type: {kind.value}", kind.path))
            name = drugs or kind
            found.append(Intervention(code, name.value if name else "Intervention", said, path=node.path))
        return tuple(found), phases

    def _conditions(self) -> tuple[tuple[Text, ...], tuple[Text, ...]]:
        nodes = self._root.child("conditions").children("condition")
        names = tuple(said for node in nodes if (said := node.title("description")))
        classes = (node.title(name) for node in nodes for name in ("diseaseClass1", "diseaseClass2"))
        return names, tuple(one for one in classes if one)

    def _enrolment(self) -> tuple[Enrolment | None, int | None]:
        """The count, planned unless it is final; and the plan beside a final count."""
        target, final = self.people.title("targetEnrolment"), self.people.title("totalFinalEnrolment")
        self.fact(self.people, "totalTarget", "Total target")
        counts = [int(said.value) if said and _COUNT.fullmatch(said.value) else None for said in (target, final)]
        if target and counts[0] is None:
            self._facts.append(Value(f"Target number of participants: {target.value}", target.path))
        if final and counts[1] is None:
            self._facts.append(Value(f"Final number of participants: {final.value}", final.path))
        if final and counts[1] is not None:
            return Enrolment(counts[1], True, final.path), counts[0]
        return (Enrolment(counts[0], False, target.path) if target and counts[0] is not None else None), None

    def _moment(self, node: Node, name: str) -> Moment | None:
        date = node.date(name)
        return Moment(date, None, node.at(name)) if date else None

    def _decisions(self) -> tuple[Decision, ...]:
        end = self.people.date("recruitmentEnd")
        start = self.people.date("recruitmentStart")
        found = [Decision("Recruitment start", start, self.people.at("recruitmentStart"))] if start else []
        found += [Decision("Recruitment end", end, self.people.at("recruitmentEnd"))] if end else []
        self.fact(self.people, "recruitmentStartStatusOverride", "State of the start of recruitment")
        self.fact(self.people, "recruitmentStatusOverride", "State of recruitment")
        return tuple(found)

    def _outcomes(self) -> tuple[Outcome, ...]:
        found: list[Outcome] = []
        for name, kind in (("primary", "PRIMARY"), ("secondary", "SECONDARY")):
            for node in self.about.child(f"{name}Outcomes").children("outcomeMeasure"):
                measure, method = node.line("variable"), node.prose("method")
                when = node.prose("timepoints")
                if measure:
                    found.append(Outcome(kind, measure, method, when, path=node.path))
            if said := self.about.text(f"{name}Outcome"):
                found += [Outcome(kind, one, path=said.path) for one in items(said.value)]
        return tuple(found)

    def _eligibility(self) -> Eligibility:
        stated = [
            Stated(said.value, exclude, path=said.path)
            for name, exclude in (("inclusion", False), ("exclusion", True))
            if (said := self.people.text(name))
        ]
        sex = self.people.title("gender")
        types = self.people.child("participantTypes").lines("participantType")
        self.fact(self.people, "ageRange", "Age group")
        healthy = next((one for one in types if "healthy" in one.value.casefold()), None)
        return Eligibility(
            stated=tuple(stated),
            sex=Value(_SEXES.get(sex.value.casefold(), sex.value), sex.path) if sex else None,
            minimum_age=age(self.people.title("lowerAgeLimit"), self._issues),
            maximum_age=age(self.people.title("upperAgeLimit"), self._issues),
            healthy_volunteers=Value(True, healthy.path) if healthy else None,
            population=Value(", ".join(one.value for one in types), types[0].path) if types else None,
        )

    def _sites(self) -> tuple[Site, ...]:
        return tuple(
            Site(
                facility=node.line("name"),
                city=node.line("city"),
                state=node.line("state"),
                zip=node.line("zip"),
                country=node.line("country"),
                lines=_lines(node),
                number=node.line("rtsId"),
                path=node.path,
            )
            for node in self.people.child("trialCentres").children("trialCentre")
        )

    def _regions(self) -> tuple[Coded, ...]:
        countries = self.people.child("recruitmentCountries").lines("country")
        return tuple(Coded(one.value, path=one.path) for one in countries)

    def _committees(self) -> tuple[Body, ...]:
        found = []
        for node in self.about.child("ethicsCommittees").children("ethicsCommittee"):
            details = node.child("contactDetails")
            address = Address(
                _lines(details),
                details.line("city"),
                state=details.line("state"),
                zip=details.line("zip"),
                country=details.line("country"),
            )
            phone, email = details.line("telephone"), details.line("email")
            reach = Reach(phones=(phone,) if phone else (), emails=(email,) if email else (), address=address)
            reference, name = node.line("committeeReference"), node.line("committeeName")
            if reference:
                self._facts.append(Value(f"Ethics committee's reference: {reference}", node.at("committeeReference")))
            if name:
                found.append(Body(name, part="Ethics committee", reach=(reach,), path=node.path))
        return tuple(found)

    def _parties(self) -> tuple[Body, ...]:
        """The record names its parties by keys alone."""
        parties = self._root.child("parties")
        found = []
        for name, role in (("sponsorId", "SPONSOR"), ("funderId", "FUNDER"), ("contactId", "CONTACT")):
            for one in parties.lines(name):
                number = Number(one.value, type="ISRCTN party")
                found.append(Body("", role, numbers=(number,), path=one.path))
        return tuple(found)

    def _artifacts(self, identifiers: tuple[Identifier, ...]) -> tuple[Artifact, ...]:
        found = [
            Artifact("documentation", label="Registry record", url=one.link, path=one.path)
            for one in identifiers
            if one.kind == "registry" and one.link
        ]
        if doi := self.refs.title("doi"):
            found.append(Artifact("documentation", label="DOI", url=f"https://doi.org/{doi.value}", path=doi.path))
        if site := self.about.title("trialWebsite"):
            found.append(Artifact("documentation", label="Trial website", url=site.value, path=site.path))
        for node in self._root.child("outputs").children("output"):
            said = joined([one.value for one in spoken.lines(node, lambda name: name in _OUTPUT)], "\n")
            file = node.line("localFile")
            found.append(
                Artifact(
                    "documentation",
                    text=joined((node.line("productionNotes"), file, said), "\n") or None,
                    label=node.line("description"),
                    url=node.line("externalLink"),
                    path=node.path,
                )
            )
        for node in self._root.child("attachedFiles").children("attachedFile"):
            label = node.line("description")
            said = joined([one.value for one in spoken.lines(node, lambda _: False)])
            found.append(Artifact("documentation", text=said or None, label=label, path=node.path))
        return tuple(found)

    def _rest(self) -> None:
        """Prose and short statements that have no element."""
        for name, label in (
            ("acknowledgment", "Acknowledged"),
            ("ethicsApprovalRequired", "Ethics approval required"),
        ):
            self.fact(self.about, name, label)
        self.note(self.about, "ethicsApproval", "Ethics approval")
        self.note(self.people, "patientInfoSheet", "Patient information sheet")
        for name, label in (
            ("publicationPlan", "Publication plan"),
            ("ipdSharingStatement", "Data sharing plan"),
            ("publicationDetails", "Publications"),
            ("basicReport", "Basic results"),
            ("plainEnglishReport", "Results in plain English"),
        ):
            self.note(self.results, name, label)
        self.facts(self.results.child("dataPolicies"), "dataPolicy", "Data policy")
        self.fact(self.results, "publicationStage", "Publication stage")
        self.fact(self.results, "biomedRelated", "Biomedical")
        # Known by the format itself.
        self._root.skip("ctrname")
        self.fact(self._root, "record_last_import", "Record taken from the registry")


_OUTPUT = {"externalLink", "description", "productionNotes", "localFile"}


def _lines(node: Node) -> tuple[str, ...]:
    said = node.text("address")
    return tuple(line.strip() for line in said.value.splitlines() if line.strip()) if said else ()


def items(text: str) -> list[str]:
    """A text that counts outcomes up, one a line; else all of it as one."""
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if len(found) > 1 and sum(_ITEM.match(line) is not None for line in found) >= len(found) / 2:
        return found
    return [" ".join(found)] if found else []
