"""Reads a record of the EU Clinical Trials Register (EudraCT), a member state's form and any results, as JSON.

https://www.clinicaltrialsregister.eu/doc/How_to_Search_EU_CTR.pdf names the form's questions
"""

from __future__ import annotations

import re
from typing import Any

from fhirserver.errors import Issue
from fhirserver.mappers.more_parts import Address, Aim, Body, Decision, More, Reach, Titled, Translation
from fhirserver.mappers.parts import (
    Artifact,
    Design,
    Eligibility,
    Enrolment,
    Event,
    Identifier,
    Intervention,
    Moment,
    Outcome,
    Party,
    Stated,
    Text,
    Value,
)
from fhirserver.mappers.protocol_parts import Coded
from fhirserver.mappers.readers import spoken
from fhirserver.mappers.readers.ctgov_json import NCT
from fhirserver.mappers.readers.euctr_results import results
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.usdm_parts import joined
from fhirserver.mappers.trial import Trial

FORMAT = "euctr"
SYSTEM = "https://www.clinicaltrialsregister.eu"
EUDRACT = "https://eudract.ema.europa.eu"
MEDDRA = "http://terminology.hl7.org/CodeSystem/mdr"

_QUESTION = re.compile(r"_?(?P<code>[a-z]\d*)_?(?P<words>[a-z].*)")
_LANGUAGE = re.compile(r"(?P<base>.+)_(?P<language>[a-z]{2})")
_NUMBER = re.compile(r"\d{4}-\d{6}-\d{2}")
_STATUSES = {
    "completed": "COMPLETED",
    "prematurely ended": "TERMINATED",
    "temporarily halted": "SUSPENDED",
    "suspended by ca": "SUSPENDED",
}
_COUNTRIES = {
    "Austria": "AT",
    "Belgium": "BE",
    "Bulgaria": "BG",
    "Cyprus": "CY",
    "Czechia": "CZ",
    "Czech Republic": "CZ",
    "Germany": "DE",
    "Denmark": "DK",
    "Estonia": "EE",
    "Spain": "ES",
    "Finland": "FI",
    "France": "FR",
    "UK": "GB",
    "United Kingdom": "GB",
    "Greece": "GR",
    "Croatia": "HR",
    "Hungary": "HU",
    "Ireland": "IE",
    "Iceland": "IS",
    "Italy": "IT",
    "Liechtenstein": "LI",
    "Lithuania": "LT",
    "Luxembourg": "LU",
    "Latvia": "LV",
    "Malta": "MT",
    "Netherlands": "NL",
    "Norway": "NO",
    "Poland": "PL",
    "Portugal": "PT",
    "Romania": "RO",
    "Sweden": "SE",
    "Slovenia": "SI",
    "Slovakia": "SK",
}
_LONG = 200
"""Characters above which a statement is prose, and a note."""
_RESULTS = ("subjectDisposition", "baselineCharacteristics", "endPoints", "subjectAnalysisSets", "adverseEvents")


def recognises(record: Any) -> bool:
    """Whether decoded JSON is such a record."""
    return isinstance(record, dict) and "a2_eudract_number" in record


def read(record: dict[str, Any]) -> tuple[Trial, list[Issue]]:
    """The trial, and what of the record was odd or found no place."""
    issues: list[Issue] = []
    root = Node(pruned(record), "", issues)
    trial = _Form(root).trial()
    return trial, issues + root.unread()


def pruned(value: Any) -> Any:
    """The record without its empty answers."""
    if isinstance(value, dict):
        found = {name: pruned(one) for name, one in value.items()}
        return {name: one for name, one in found.items() if one not in (None, "", [], {})}
    if isinstance(value, list):
        return [one for each in value if (one := pruned(each)) not in (None, "", [], {})]
    return value.strip() if isinstance(value, str) else value


class _Form:
    """The answers of one form."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._translations: list[Translation] = []
        self._facts: list[Text] = []

    def yes(self, name: str) -> Text | None:
        """An answer that is yes; it stays to be kept in words, for a no is an answer too."""
        return Value(name, name) if self._root.peek(name) == "Yes" else None

    def prose(self, name: str) -> Text | None:
        """An answer, with what it is in other languages."""
        said = self._root.text(name)
        if said:
            for other in self._root.rest():
                match = _LANGUAGE.fullmatch(other)
                if match and match["base"] == name and (words := self._root.prose(other)):
                    self._translations.append(Translation(said.value, match["language"], words, other))
        return said

    def line(self, name: str) -> Text | None:
        """An answer on one line."""
        said = self.prose(name)
        return Value(" ".join(said.value.split()), said.path) if said else None

    def trial(self) -> Trial:
        """The trial."""
        root = self._root
        identifiers = self._identifiers()
        lay = self.line("a31_title_of_the_trial_for_lay_people_in_easily_understood_ie_nontechnical_language")
        full = self.line("a3_full_title_of_the_trial")
        acronym = self.line("a32_name_or_abbreviated_title_of_the_trial_where_available")
        bodies = self._sponsors()
        conditions = self._conditions()
        topics = self._meddra()
        aims = self._aims()
        outcomes = self._outcomes()
        stated = self._stated()
        interventions = tuple(_product(one) for one in root.children("dimp"))
        enrolment = self._enrolment()
        state = root.title("x5_trial_status")
        code = _STATUSES.get(state.value.casefold()) if state else None
        entered = root.date("x6_date_on_which_this_record_was_first_entered_in_the_eudract_database")
        ended = root.date("p_date_of_the_global_end_of_the_trial")
        design = self._design()
        posted = results(root)
        decisions = self._decisions()
        facts = self._facts
        notes: list[Text] = []
        if state and not code:
            facts.append(Value(f"Status in the member state: {state.value}", state.path))
        # The register and the questions of its form are known by the format.
        root.skip("ctrname")
        self._more(facts, notes)
        sponsor = next((one for one in bodies if one.role == "LEAD_SPONSOR"), None)
        event = "registration-submission"
        return Trial(
            identifiers=identifiers,
            title=lay or full,
            official_title=full,
            acronym=acronym,
            sponsor=Party(sponsor.name, path=sponsor.path) if sponsor else None,
            status=Value(code, state.path) if code and state else None,
            events=(Event(event, Moment(entered, True, "x6")),) if entered else (),
            completion=Moment(ended, True, "p_date_of_the_global_end_of_the_trial") if ended else None,
            conditions=conditions,
            design=design,
            enrolment=enrolment,
            interventions=interventions,
            outcomes=outcomes,
            eligibility=Eligibility(stated=stated, sex=self._sex(), healthy_volunteers=self._healthy()),
            artifacts=tuple(
                Artifact("documentation", label="Registry record", url=one.link, path=one.path)
                for one in identifiers
                if one.kind == "registry" and one.link
            ),
            facts=tuple(facts),
            results=posted,
            more=More(
                titles=(Titled(lay.value, "Title for lay people", "plain-language", lay.path),) if lay and full else (),
                bodies=bodies,
                notes=tuple(notes),
                topics=topics,
                aims=aims,
                decisions=decisions,
                translations=tuple(self._translations),
            ),
        )

    def _identifiers(self) -> tuple[Identifier, ...]:
        """The register holds a record for each member state, so the state is part of its number."""
        found: list[Identifier] = []
        number = self._root.title("a2_eudract_number")
        state = self._root.peek("a1_member_state_concerned")
        country = _COUNTRIES.get(str(state).partition(" - ")[0].strip()) if state else None
        if number and _NUMBER.fullmatch(number.value):
            value = f"{number.value}{f'-{country}' if country else ''}"
            page = f"{SYSTEM}/ctr-search/trial/{number.value}{f'/{country}' if country else ''}"
            found.append(Identifier("registry", value, system=SYSTEM, link=page, path=number.path))
            found.append(Identifier("secondary", number.value, "EudraCT number", system=EUDRACT, path=number.path))
        if own := self._root.title("a41_sponsors_protocol_code_number"):
            found.append(Identifier("organisation", own.value, path=own.path))
        for name, kind in (
            ("a51_isrctn_international_standard_randomised_controlled_trial_number", "ISRCTN"),
            ("a52_us_nct_clinicaltrials_gov_registry_number", "ClinicalTrials.gov number"),
            ("a52_us_nct_clinicaltrialsgov_registry_number", "ClinicalTrials.gov number"),
            ("a53_who_universal_trial_reference_number_utrn", "Universal trial number"),
        ):
            if other := self._root.title(name):
                system = "http://clinicaltrials.gov" if NCT.fullmatch(other.value) else None
                found.append(Identifier("secondary", other.value, kind, system=system, path=other.path))
        for node in (
            self._root.children("a54_other_identifiers") if self._root.holds_objects("a54_other_identifiers") else []
        ):
            said = [one.value.partition(": ")[2] for one in spoken.lines(node, lambda _: False)]
            if said:
                found.append(Identifier("secondary", said[-1], joined(said[:-1], ", ") or None, path=node.path))
        return tuple(found)

    def _sponsors(self) -> tuple[Body, ...]:
        found = []
        for position, node in enumerate(self._root.children("b1_sponsor")):
            node.skip("_b1_sponsor")
            name = node.line("b11_name_of_sponsor")
            kind = node.line("b31_and_b32_status_of_the_sponsor")
            address = Address(
                _several(node.line("b531_street_address")),
                node.line("b532_town_city"),
                zip=node.line("b533_post_code"),
                country=node.line("b534_country"),
            )
            phone, email = node.line("b54_telephone_number"), node.line("b56_email")
            contact = Reach(
                joined(("Contact point", node.line("b51_name_of_organisation")), ": "),
                node.line("b52_functional_name_of_contact_point"),
                (phone,) if phone else (),
                node.line("b55_fax_number"),
                (email,) if email else (),
                address=address,
            )
            seat = Reach("Sponsor", address=Address(country=node.line("b134_country")))
            support = node.children("b4_sources_of_monetary_or_material_support")
            if name:
                role = "COLLABORATOR" if position else "LEAD_SPONSOR"
                kinds = (Coded(kind),) if kind else ()
                found.append(Body(name, role, kinds=kinds, reach=(seat, contact), path=node.path))
            for one in support:
                funder, country = one.line("b41_name_of_organisation_providing_support"), one.line("b42_country")
                if funder:
                    reach = (Reach(address=Address(country=country)),) if country else ()
                    found.append(Body(funder, "FUNDER", reach=reach, path=one.path))
        sponsor = self._root.title("sponsor")
        if sponsor and all(one.name != sponsor.value for one in found):
            found.append(Body(sponsor.value, "SPONSOR", part="Sponsor of the results", path=sponsor.path))
        return tuple(found)

    def _conditions(self) -> tuple[Text, ...]:
        names = ("e11_medical_conditions_being_investigated", "e111_medical_condition_in_easily_understood_language")
        return tuple({said.value: said for name in names if (said := self.line(name))}.values())

    def _meddra(self) -> tuple[Coded, ...]:
        found = []
        for node in self._root.children("e12_meddra_classification"):
            term, code = node.line("e12_term"), node.line("e12_classification_code")
            if term:
                found.append(Coded(term, code, MEDDRA, node.line("e12_version"), path=node.path))
            for name in node.rest():
                if said := node.line(name):
                    self._facts.append(Value(f"{question(name)}: {said}", node.at(name)))
        return tuple(found)

    def _aims(self) -> tuple[Aim, ...]:
        said = (
            ("PRIMARY", "Main objective", self.prose("e21_main_objective_of_the_trial")),
            ("SECONDARY", "Secondary objectives", self.prose("e22_secondary_objectives_of_the_trial")),
        )
        return tuple(Aim(kind, one.value, name, one.path) for kind, name, one in said if one)

    def _outcomes(self) -> tuple[Outcome, ...]:
        found = []
        for kind, name, when in (
            ("PRIMARY", "e51_primary_end_points", "e511_timepoints_of_evaluation_of_this_end_point"),
            ("SECONDARY", "e52_secondary_end_points", "e521_timepoints_of_evaluation_of_this_end_point"),
        ):
            said, frame = self.line(name), self.prose(when)
            if said:
                found.append(Outcome(kind, said.value, None, frame.value if frame else None, path=said.path))
        return tuple(found)

    def _stated(self) -> tuple[Stated, ...]:
        said = (
            (False, self.prose("e3_principal_inclusion_criteria")),
            (True, self.prose("e4_principal_exclusion_criteria")),
        )
        return tuple(Stated(one.value, exclude, path=one.path) for exclude, one in said if one)

    def _enrolment(self) -> Enrolment | None:
        for name in ("f422_in_the_whole_clinical_trial", "f421_in_the_eea", "f41_in_the_member_state"):
            said = self._root.peek(name)
            if isinstance(said, str) and said.isascii() and said.isdigit() and len(said) < 9:
                return Enrolment(int(said), False, name)
        return None

    def _design(self) -> Design:
        phases = [
            Value(f"PHASE{number}", name)
            for number, name in enumerate(
                (
                    "e71_human_pharmacology_phase_i",
                    "e72_therapeutic_exploratory_phase_ii",
                    "e73_therapeutic_confirmatory_phase_iii",
                    "e74_therapeutic_use_phase_iv",
                ),
                1,
            )
            if self.yes(name)
        ]
        masked = (("e812_open", "NONE"), ("e813_single_blind", "SINGLE"), ("e814_double_blind", "DOUBLE"))
        model = (("e815_parallel_group", "PARALLEL"), ("e816_cross_over", "CROSSOVER"))
        purpose = (("e61_diagnosis", "DIAGNOSTIC"), ("e62_prophylaxis", "PREVENTION"), ("e63_therapy", "TREATMENT"))
        return Design(
            study_type=Value("INTERVENTIONAL", "x4_clinical_trial_type"),
            phases=tuple(phases),
            allocation=Value("RANDOMIZED", "e811_randomised") if self.yes("e811_randomised") else None,
            masking=self._only(masked),
            model=self._only(model),
            purpose=self._only(purpose),
        )

    def _only(self, answers: tuple[tuple[str, str], ...]) -> Text | None:
        """A code where one answer alone is yes."""
        found = [Value(code, name) for name, code in answers if self.yes(name)]
        return found[0] if len(found) == 1 else None

    def _sex(self) -> Text | None:
        female, male = self.yes("f21_female"), self.yes("f22_male")
        if female and male:
            return Value("ALL", "f21_female")
        return Value("FEMALE", "f21_female") if female else Value("MALE", "f22_male") if male else None

    def _healthy(self) -> Value[bool] | None:
        said = self._root.peek("f31_healthy_volunteers")
        return Value(said == "Yes", "f31_healthy_volunteers") if said in ("Yes", "No") else None

    def _decisions(self) -> tuple[Decision, ...]:
        root = self._root
        found = []
        for answer, date, who in (
            ("n_competent_authority_decision", "n_date_of_competent_authority_decision", "Competent authority"),
            (
                "n_ethics_committee_opinion_of_the_trial_application",
                "n_date_of_ethics_committee_opinion",
                "Ethics committee",
            ),
        ):
            said, when = root.line(answer), root.date(date)
            if when:
                found.append(Decision(f"{who}: {said or 'decision'}", when, date))
            elif said:
                found.append(Decision(f"{who}: {said}", "", answer))
        return tuple(one for one in found if one.date)

    def _more(self, facts: list[Text], notes: list[Text]) -> None:
        """Every other answer, under the words of its question."""
        root = self._root
        for name in root.rest():
            if name in _RESULTS:
                continue
            kind = root.kind(name)
            if kind is str:
                said = self.prose(name)
                if said:
                    (notes if len(said.value) > _LONG else facts).append(
                        Value(f"{question(name)}: {said.value}", said.path)
                    )
            elif kind is dict:
                found = [one.value for one in spoken.lines(root.child(name), _version)]
                if found:
                    notes.append(Value("\n".join([spoken.label(name), *found]), name))
            elif root.holds_objects(name):
                told = (spoken.paragraph(question(name), node, _version) for node in root.children(name))
                notes.extend(one for one in told if one)


def _version(name: str) -> bool:
    """The version of a list of codes."""
    return name == "version"


def _several(text: str | None) -> tuple[str, ...]:
    return (text,) if text else ()


def question(name: str) -> str:
    """'e811_randomised' is 'Randomised [E811]': the number tells questions of the same words apart."""
    match = _QUESTION.fullmatch(name)
    if not match:
        return spoken.label(name)
    return f"{spoken.label(match['words'])} [{match['code'].upper()}]"


def _product(node: Node) -> Intervention:
    """An investigational medicinal product with all its answers."""
    node.skip("_dimp")
    trade, name = node.line("d2111_trade_name"), node.line("d31_product_name")
    role = node.line("d12_and_d13_imp_role")
    biological = node.peek(
        "d3112_active_substance_of_biological_biotechnological_origin_other_than_advanced_therapy_imp_atimp"
    )
    substances = []
    for one in node.children("d38_imp_identification_details"):
        told = [f"{question(key)}: {text}" for key in one.rest() if (text := one.line(key))]
        substances.append("Substance: " + "; ".join(told))
    form = [f"{question(key)}: {text}" for key in node.rest() if node.kind(key) is str and (text := node.line(key))]
    said = joined((f"Role: {role}" if role else None, *substances, *form), "\n")
    title = (
        trade or name or (substances[0].partition(": ")[2].partition(": ")[2].partition(";")[0] if substances else None)
    )
    others = (name,) if name and name != title else ()
    kind = "BIOLOGICAL" if biological == "Yes" else "DRUG"
    return Intervention(kind, title or "Investigational medicinal product", said or None, others, node.path)
