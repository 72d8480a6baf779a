"""Reads a record of the EU's Clinical Trials Information System as JSON, in the shapes of its old and its new portal.

https://euclinicaltrials.eu/
"""

from __future__ import annotations

import re
from typing import Any

from fhirserver.errors import Issue
from fhirserver.mappers.more_parts import Aim, Body, Decision, More, Titled, Translation
from fhirserver.mappers.parts import (
    Artifact,
    Design,
    Eligibility,
    Enrolment,
    Identifier,
    Intervention,
    Moment,
    Outcome,
    Party,
    Site,
    Stated,
    Text,
    Value,
)
from fhirserver.mappers.protocol_parts import Coded
from fhirserver.mappers.readers import ctis_parties, spoken
from fhirserver.mappers.readers.ctgov_json import NCT
from fhirserver.mappers.readers.ctis_parties import internal
from fhirserver.mappers.readers.euctr import EUDRACT, MEDDRA, pruned
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.usdm_parts import joined
from fhirserver.mappers.trial import Trial

FORMAT = "ctis"
SYSTEM = "https://euclinicaltrials.eu"

_NUMBER = re.compile(r"\d{4}-5\d{5}-\d{2}(?:-\d{2})?")
_PHASE = re.compile(r"Phase (I{1,3}V?|IV)(?:/(?:Phase )?(I{1,3}V?|IV))?\b")
_ROMAN = {"I": "PHASE1", "II": "PHASE2", "III": "PHASE3", "IV": "PHASE4"}
_LANGUAGES = {
    "Bulgarian": "bg",
    "Croatian": "hr",
    "Czech": "cs",
    "Danish": "da",
    "Dutch": "nl",
    "English": "en",
    "Estonian": "et",
    "Finnish": "fi",
    "French": "fr",
    "German": "de",
    "Greek": "el",
    "Hungarian": "hu",
    "Icelandic": "is",
    "Irish": "ga",
    "Italian": "it",
    "Latvian": "lv",
    "Lithuanian": "lt",
    "Maltese": "mt",
    "Norwegian": "no",
    "Polish": "pl",
    "Portuguese": "pt",
    "Romanian": "ro",
    "Slovak": "sk",
    "Slovenian": "sl",
    "Spanish": "es",
    "Swedish": "sv",
}
_LONG = 200


def recognises(record: Any) -> bool:
    """Whether decoded JSON is such a record."""
    return (
        isinstance(record, dict)
        and "ctNumber" in record
        and (isinstance(record.get("authorizedPartI"), dict) or isinstance(record.get("authorizedApplication"), dict))
    )


def read(record: dict[str, Any]) -> tuple[Trial, list[Issue]]:
    """The trial, and what of the record was odd or found no place."""
    issues: list[Issue] = []
    root = Node(pruned(record), "", issues)
    trial = _Record(root).trial()
    return trial, issues + _told(root.unread())


def _told(issues: list[Issue]) -> list[Issue]:
    """Keys of the system's own by their names, not by the places in which they stand."""
    found: list[Issue] = []
    keys: dict[str, str] = {}
    for one in issues:
        path = one.expression[0]
        name = path.rpartition(".")[2].partition("[")[0]
        if internal(name):
            keys.setdefault(name, path)
        else:
            found.append(one)
    if keys:
        names = ", ".join(sorted(keys))
        said = f"Keys by which the system knows its own things have no meaning elsewhere and were left out: {names}."
        found.append(Issue("information", "not-supported", said, tuple(keys.values()), "not-mapped"))
    return found


class _Record:
    """One record: the whole, its part I on the trial, and its parts II on member states."""

    def __init__(self, root: Node) -> None:
        self._root = root
        whole = root.child("authorizedApplication")
        self._whole = root if whole.empty else whole
        self._one = self._whole.child("authorizedPartI")
        self._two = self._whole.children("authorizedPartsII")
        details = self._one.child("trialDetails")
        self._titles, self._about = details.child("clinicalTrialIdentifiers"), details.child("trialInformation")
        self._translations: list[Translation] = []
        self._notes: list[Text] = []
        self._facts: list[Text] = []

    def said(self, node: Node, name: str, translations: str) -> Text | None:
        """A text, with what it is in other languages."""
        found = node.text(name)
        for one in node.children(translations):
            words, language = one.prose("attributeTranslation"), one.line("languageDescription")
            # A number stands for a language whose name the record does not give.
            number = one.scalar("language")
            if found and words:
                code = _LANGUAGES.get(language or "", "und")
                self._translations.append(Translation(found.value, code, words, one.path))
                if code == "und" and number is not None:
                    self._facts.append(Value(f"Language of a translation: {language or number}", one.at("language")))
        return found

    def trial(self) -> Trial:
        """The trial."""
        full = self.said(self._titles, "fullTitle", "fullTitleTranslations")
        public = self.said(self._titles, "publicTitle", "publicTitleTranslations")
        short = self._titles.title("shortTitle")
        identifiers = self._identifiers()
        bodies = (*ctis_parties.sponsors(self._one, self._root), *self._funders())
        sponsor = next((one for one in bodies if one.role == "LEAD_SPONSOR"), None)
        conditions, topics = self._conditions()
        duration = self._about.child("trialDuration")
        end = duration.date("estimatedEndDate")
        decisions = self._decisions()
        interventions = tuple(self._product(one) for one in self._products())
        sites = self._sites()
        aims, outcomes, eligibility = self._aims(), self._outcomes(), self._eligibility()
        artifacts = self._artifacts(identifiers)
        phases = self._phases()
        regions = self._regions()
        enrolment = self._enrolment()
        self._rest()
        titles = (full, public)
        return Trial(
            identifiers=identifiers,
            title=_line(public or full or short),
            official_title=_line(full),
            sponsor=Party(sponsor.name, path=sponsor.path) if sponsor else None,
            completion=Moment(end, False, duration.at("estimatedEndDate")) if end else None,
            conditions=conditions,
            design=Design(study_type=Value("INTERVENTIONAL", "ctNumber"), phases=phases),
            enrolment=enrolment,
            interventions=interventions,
            outcomes=outcomes,
            eligibility=eligibility,
            sites=sites,
            artifacts=artifacts,
            facts=tuple(self._facts),
            more=More(
                titles=(Titled(short.value, "Short title", "short-title", short.path),)
                if short and any(titles)
                else (),
                bodies=bodies,
                notes=tuple(self._notes),
                topics=topics,
                regions=regions,
                aims=aims,
                decisions=decisions,
                translations=tuple(self._translations),
            ),
        )

    def _identifiers(self) -> tuple[Identifier, ...]:
        found: list[Identifier] = []
        number = self._root.title("ctNumber")
        if number and _NUMBER.fullmatch(number.value):
            page = f"{SYSTEM}/ctis-public/view/{number.value}"
            found.append(Identifier("registry", number.value, system=SYSTEM, link=page, path=number.path))
        others = self._titles.child("secondaryIdentifyingNumbers")
        for name, kind in (
            ("nctNumber", "ClinicalTrials.gov number"),
            ("isrctnNumber", "ISRCTN"),
            ("whoUniversalTrialNumber", "Universal trial number"),
        ):
            if others.kind(name) is dict and (said := others.child(name).title("number")):
                system = "http://clinicaltrials.gov" if NCT.fullmatch(said.value) else None
                found.append(Identifier("secondary", said.value, kind, system=system, path=said.path))
        for one in others.children("additionalRegistries"):
            if value := one.line("number"):
                registry = one.line("otherRegistryName")
                found.append(Identifier("secondary", value, registry, path=one.path))
        for whole, name, member in (
            (self._root, "eudraCtInfo", "eudraCtCode"),
            (self._whole, "eudraCt", "eudraCtCode"),
        ):
            if whole.kind(name) is dict and (said := whole.child(name).title(member)):
                found.append(Identifier("secondary", said.value, "EudraCT number", system=EUDRACT, path=said.path))
        return tuple(found)

    def _funders(self) -> tuple[Body, ...]:
        return tuple(
            Body(name, "FUNDER", path=one.path)
            for one in self._about.children("sourceOfMonetarySupport")
            if (name := one.line("organisationName"))
        )

    def _conditions(self) -> tuple[tuple[Text, ...], tuple[Coded, ...]]:
        node = self._about.child("medicalCondition")
        names: list[Text] = []
        for one in node.children("partIMedicalConditions"):
            said = self.said(one, "medicalCondition", "medicalConditionTranslations")
            rare = one.flag("isConditionRareDisease")
            if said:
                names.append(Value(" ".join(said.value.split()), said.path))
                if rare is not None:
                    words = "A rare disease" if rare.value else "Not a rare disease"
                    self._facts.append(Value(f"{words}: {names[-1].value}", rare.path))
        topics = []
        for one in node.children("meddraConditionTerms"):
            if term := one.line("termName"):
                code, version = one.line("classificationCode"), one.line("version")
                topics.append(Coded(term, code, MEDDRA, version, path=one.path))
        return tuple(names), tuple(topics)

    def _aims(self) -> tuple[Aim, ...]:
        node = self._about.child("trialObjective")
        main = self.said(node, "mainObjective", "mainObjectiveTranslations")
        found = [Aim("PRIMARY", main.value, "Main objective", main.path)] if main else []
        for one in node.children("secondaryObjectives"):
            number = one.count("number")
            if said := self.said(one, "secondaryObjective", "secondaryObjectiveTranslations"):
                found.append(Aim("SECONDARY", said.value, f"Secondary objective {number or ''}".strip(), said.path))
        return tuple(found)

    def _outcomes(self) -> tuple[Outcome, ...]:
        node = self._about.child("endPoint")
        found = []
        for name, kind in (("primaryEndPoints", "PRIMARY"), ("secondaryEndPoints", "SECONDARY")):
            for one in node.children(name):
                # Their list says whether they are primary, and in which order.
                one.skip("isPrimary", "number")
                if said := self.said(one, "endPoint", "endPointTranslations"):
                    found.append(Outcome(kind, " ".join(said.value.split()), path=said.path))
        return tuple(found)

    def _eligibility(self) -> Eligibility:
        node = self._about.child("eligibilityCriteria")
        stated = []
        for name, exclude in (("principalInclusionCriteria", False), ("principalExclusionCriteria", True)):
            for one in node.children(name):
                one.skip("number")
                if said := self.said(one, name, f"{name}Translations"):
                    stated.append(Stated(said.value, exclude, True, path=said.path))
        people = self._about.child("populationOfTrialSubjects")
        female, male = people.flag("isFemaleSubjects"), people.flag("isMaleSubjects")
        sex = None
        if female and male and female.value != male.value:
            sex = Value("FEMALE" if female.value else "MALE", female.path)
        elif female and male and female.value:
            sex = Value("ALL", female.path)
        groups = [one.line("name") for one in people.children("clinicalTrialGroups")]
        population = ", ".join(one for one in groups if one)
        healthy = any("healthy" in (one or "").casefold() for one in groups)
        return Eligibility(
            stated=tuple(stated),
            sex=sex,
            healthy_volunteers=Value(True, people.path) if healthy else None,
            population=Value(population, people.path) if population else None,
        )

    def _products(self) -> list[Node]:
        """The products of the trial; those of a role are the same, save one that stands there alone."""
        found = self._one.children("products")
        known = {node.scalar("id") for node in found}
        for role in self._one.children("productRoleGroupInfos"):
            for one in role.children("products"):
                if one.peek("id") in known:
                    one.skip(*one.rest())
                else:
                    found = [*found, one]
        return found

    def _product(self, node: Node) -> Intervention:
        details = node.child("productDictionaryInfo")
        name = node.line("productName") or details.line("prodName")
        substance = details.line("activeSubstanceName")
        lines = [one.value for one in spoken.lines(node, internal)]
        title = name or substance or "Investigational medicinal product"
        others = (substance,) if substance and substance != title and substance != "N/A" else ()
        return Intervention("DRUG", title, "\n".join(lines) or None, others, node.path)

    def _sites(self) -> tuple[Site, ...]:
        return tuple(site for part in self._two for site in ctis_parties.sites(part))

    def _regions(self) -> tuple[Coded, ...]:
        found: dict[str, Coded] = {}
        for part in (*self._two, *self._whole.children("memberStatesConcerned")):
            state = part.child("mscInfo") if part.kind("mscInfo") is dict else part
            if name := state.line("countryName") or state.line("mscName"):
                found.setdefault(name, Coded(name, path=state.path))
        for one in self._one.children("rowCountriesInfo"):
            name, code = one.line("name"), one.line("isoAlpha2Code")
            if name:
                found.setdefault(name, Coded(name, code, "urn:iso:std:iso:3166", path=one.path))
        return tuple(found.values())

    def _enrolment(self) -> Enrolment | None:
        said = self._root.title("totalNumberEnrolled")
        if said and said.value.isascii() and said.value.isdigit() and len(said.value) < 9:
            return Enrolment(int(said.value), False, said.path)
        return None

    def _phases(self) -> tuple[Text, ...]:
        said = self._root.title("trialPhase")
        match = _PHASE.search(said.value) if said else None
        if not said or not match:
            if said:
                self._facts.append(Value(f"Trial phase: {said.value}", said.path))
            return ()
        self._facts.append(Value(f"Trial phase: {said.value}", said.path))
        return tuple(Value(_ROMAN[one], said.path) for one in match.groups() if one in _ROMAN)

    def _decisions(self) -> tuple[Decision, ...]:
        found: list[Decision] = []
        duration = self._about.child("trialDuration")
        for node, name, words in (
            (duration, "estimatedRecruitmentStartDate", "Recruitment start, estimated"),
            (duration, "estimatedGlobalEndDate", "End of the trial in all countries, estimated"),
            (self._root, "submissionDate", "Application submitted"),
            (self._root, "authorizationDate", "Authorised"),
        ):
            if date := node.date(name):
                found.append(Decision(words, date, node.at(name)))
        for part in self._two:
            state = part.child("mscInfo")
            country = state.line("countryName") or state.line("mscName") or "member state"
            for name, words in (
                ("firstDecisionDate", "First decision"),
                ("decisionDate", "Decision"),
                ("assessmentOutcomeDate", "Assessment"),
            ):
                if date := state.date(name):
                    outcome = state.line("decision" if name == "decisionDate" else "assessmentOutcome")
                    said = joined((f"{words}, {country}", outcome if name != "firstDecisionDate" else None), ": ")
                    found.append(Decision(said, date, state.at(name)))
        return tuple(found)

    def _artifacts(self, identifiers: tuple[Identifier, ...]) -> tuple[Artifact, ...]:
        found = [
            Artifact("documentation", label="Registry record", url=one.link, path=one.path)
            for one in identifiers
            if one.kind == "registry" and one.link
        ]
        for node in self._root.children("documents"):
            label, kind = node.line("title"), node.line("documentTypeLabel")
            said = [one.value for one in spoken.lines(node, internal)]
            found.append(
                Artifact("documentation", text="; ".join(said) or None, label=label, classifier=kind, path=node.path)
            )
        return tuple(found)

    def _rest(self) -> None:
        """Everything else that says something of the study: a short statement each, or a paragraph for each part."""
        # The register is known by the format; what an application was before is said by the one that was authorised.
        self._root.skip("ctname", "ctrname")
        for part in self._two:
            state = part.child("mscInfo")
            country = state.line("countryName") or state.line("mscName") or "Member state"
            if paragraph := spoken.paragraph(f"{country}:", part, internal):
                self._notes.append(paragraph)
        for name, heading in (("publicEvaluation", "Evaluation"), ("memberStatesConcerned", "Member state")):
            for whole in dict.fromkeys((self._root, self._whole)):
                for one in whole.children(name):
                    if paragraph := spoken.paragraph(f"{heading}:", one, internal):
                        self._notes.append(paragraph)
        for whole, name in ((self._root, "applications"), (self._whole, "applicationInfo")):
            for one in whole.children(name):
                # What an application said of the trial is said by what was authorised, or was changed since.
                paragraph = spoken.paragraph("Application:", one, lambda name: internal(name) or name in _CONTENTS)
                if paragraph:
                    self._notes.append(paragraph)
        for one in self._one.children("productRoleGroupInfos"):
            said = [text.value for text in spoken.lines(one, lambda name: internal(name) or name == "products")]
            if said:
                self._notes.append(Value("\n".join(["Products in a role:", *said]), one.path))
        for part in (self._one, self._root):
            for text in spoken.lines(part, lambda name: internal(name) or name in _PARTS):
                (self._notes if len(text.value) > _LONG else self._facts).append(text)


_CONTENTS = {"partI", "partIIInfo", "primarySponsor", "coSponsors", "fullTitle", "ctMSCs"}
_PARTS = {
    *("applications", "authorizedApplication", "authorizedPartI", "authorizedPartsII", "applicationInfo", "results"),
    *("products", "productRoleGroupInfos", "sponsors", "primarySponsor", "coSponsors", "publicEvaluation"),
    *("memberStatesConcerned", "documents", "rowCountriesInfo"),
}


def _line(said: Text | None) -> Text | None:
    return Value(" ".join(said.value.split()), said.path) if said else None
