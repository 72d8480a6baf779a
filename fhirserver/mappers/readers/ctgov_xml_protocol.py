"""The protocol of a classic ClinicalTrials.gov record in the shape of the registry's API v2, module by module.

https://clinicaltrials.gov/data-api/about-api/study-data-structure
"""

from __future__ import annotations

import re
from typing import Any

from fhirserver.mappers.readers import ctgov_xml_words as words
from fhirserver.mappers.readers.ctgov_xml_words import code, date, date_type, flag, number, prose
from fhirserver.mappers.readers.xml_element import Element, Found, turned

Record = dict[str, Any]

_EVENTS = {
    # element: member of statusModule, whether it is a struct with a type
    "start_date": ("startDateStruct", True),
    "primary_completion_date": ("primaryCompletionDateStruct", True),
    "completion_date": ("completionDateStruct", True),
    "verification_date": ("statusVerifiedDate", False),
    "study_first_submitted": ("studyFirstSubmitDate", False),
    "study_first_submitted_qc": ("studyFirstSubmitQcDate", False),
    "study_first_posted": ("studyFirstPostDateStruct", True),
    "results_first_submitted": ("resultsFirstSubmitDate", False),
    "results_first_submitted_qc": ("resultsFirstSubmitQcDate", False),
    "results_first_posted": ("resultsFirstPostDateStruct", True),
    "disposition_first_submitted": ("dispFirstSubmitDate", False),
    "disposition_first_submitted_qc": ("dispFirstSubmitQcDate", False),
    "disposition_first_posted": ("dispFirstPostDateStruct", True),
    "last_update_submitted": ("lastUpdateSubmitDate", False),
    "last_update_posted": ("lastUpdatePostDateStruct", True),
    # Their names until 2018.
    "firstreceived_date": ("studyFirstSubmitDate", False),
    "firstreceived_results_date": ("resultsFirstSubmitDate", False),
    "firstreceived_results_disposition_date": ("dispFirstSubmitDate", False),
    "lastchanged_date": ("lastUpdateSubmitDate", False),
}
_OLD_DESIGN = re.compile(
    r"(Allocation|Endpoint Classification|Intervention Model|Masking|Primary Purpose|Observational Model"
    r"|Time Perspective):\s*"
)


def protocol(root: Element) -> Record:
    """The protocolSection."""
    return {
        "identificationModule": _identification(root),
        "statusModule": _status(root),
        "sponsorCollaboratorsModule": _sponsors(root),
        "oversightModule": _oversight(root),
        "descriptionModule": {
            "briefSummary": block(root, "brief_summary"),
            "detailedDescription": block(root, "detailed_description"),
        },
        "conditionsModule": {"conditions": root.all("condition"), "keywords": root.all("keyword")},
        "designModule": _design(root),
        "armsInterventionsModule": _arms(root),
        "outcomesModule": {
            f"{kind}Outcomes": [
                Found(
                    {
                        "measure": one.one("measure"),
                        "timeFrame": one.one("time_frame"),
                        "description": one.one("description"),
                    },
                    one.path,
                )
                for one in root.children(f"{kind}_outcome")
            ]
            for kind in ("primary", "secondary", "other")
        },
        "eligibilityModule": _eligibility(root.child("eligibility")),
        "contactsLocationsModule": {
            "centralContacts": [
                contact(one, "CONTACT")
                for tag in ("overall_contact", "overall_contact_backup")
                for one in root.children(tag)
            ],
            "overallOfficials": [
                Found(
                    {"name": _name(one), "affiliation": one.one("affiliation"), "role": one.one("role", code)},
                    one.path,
                )
                for one in root.children("overall_official")
            ],
            "locations": [_location(one) for one in root.children("location")],
        },
        "referencesModule": _references(root),
        "ipdSharingStatementModule": _sharing(root.child("patient_data")),
    }


def block(of: Element, tag: str) -> Found | None:
    """Prose in its textblock, without the line breaks of the layout."""
    return turned(_raw(of.child(tag).child("textblock")), prose)


def _raw(element: Element) -> Found | None:
    # The indentation of the first line counts, so nothing is trimmed before the layout is undone.
    found = element.text()
    return found and Found("\n" + (element.element.text or "").strip("\n"), found.path)


def _identification(root: Element) -> Record:
    numbers = root.child("id_info")
    return {
        "nctId": numbers.one("nct_id"),
        "nctIdAliases": numbers.all("nct_alias"),
        "orgStudyIdInfo": {"id": numbers.one("org_study_id")},
        "secondaryIdInfos": [Found({"id": one}, one.path) for one in numbers.all("secondary_id")],
        "briefTitle": root.one("brief_title"),
        "officialTitle": root.one("official_title"),
        "acronym": root.one("acronym"),
        "organization": {"fullName": root.one("source")},
    }


def _status(root: Element) -> Record:
    found: Record = {
        "overallStatus": root.one("overall_status", code),
        "lastKnownStatus": root.one("last_known_status", code),
        "whyStopped": turned(root.one("why_stopped"), prose),
        "delayedPosting": root.one("delayed_posting", flag),
        "expandedAccessInfo": {"hasExpandedAccess": root.one("has_expanded_access", flag)},
    }
    for tag, (name, struct) in _EVENTS.items():
        one = root.one(tag, date)
        if one and struct:
            kind = turned(root.child(tag).attribute("type"), date_type)
            found[name] = Found({"date": one, "type": kind}, one.path)
        elif one:
            found.setdefault(name, one)
    return found


def _sponsors(root: Element) -> Record:
    sponsors = root.child("sponsors")
    party = root.child("responsible_party")
    return {
        "leadSponsor": _agency(sponsors.child("lead_sponsor")),
        "collaborators": [_agency(one) for one in sponsors.children("collaborator")],
        "responsibleParty": {
            "type": party.one("responsible_party_type", code),
            "investigatorFullName": party.one("investigator_full_name"),
            "investigatorTitle": party.one("investigator_title"),
            "investigatorAffiliation": party.one("investigator_affiliation"),
            "oldNameTitle": party.one("name_title"),
            "oldOrganization": party.one("organization"),
        },
    }


def _agency(sponsor: Element) -> Found:
    return Found({"name": sponsor.one("agency"), "class": sponsor.one("agency_class", code)}, sponsor.path)


def _oversight(root: Element) -> Record:
    oversight = root.child("oversight_info")
    return {
        "oversightHasDmc": oversight.one("has_dmc", flag),
        "isFdaRegulatedDrug": oversight.one("is_fda_regulated_drug", flag),
        "isFdaRegulatedDevice": oversight.one("is_fda_regulated_device", flag),
        "isUnapprovedDevice": oversight.one("is_unapproved_device", flag),
        "isPpsd": oversight.one("is_ppsd", flag),
        "isUsExport": oversight.one("is_us_export", flag),
    }


def _design(root: Element) -> Record:
    info = root.child("study_design_info")
    kind = root.one("study_type")
    access = root.child("expanded_access_info")
    old = _old_design(root)
    masked = info.one("masking") or old.get("Masking")
    masking, who = words.masking(masked.value) if masked else (None, [])
    registry = kind and "[Patient Registry]" in kind.value
    enrolment = root.one("enrollment", number)
    count_type = turned(root.child("enrollment").attribute("type"), date_type) if enrolment else None
    said = root.one("phase")
    return {
        # Of a study withheld from view the type is withheld too.
        "studyType": turned(kind, _study_type),
        "patientRegistry": Found(True, kind.path) if kind and registry else None,
        "targetDuration": root.one("target_duration"),
        "phases": [Found(phase, said.path) for phase in words.phases(said.value)] if said else [],
        "expandedAccessTypes": {
            name: access.one(f"expanded_access_type_{name}", flag)
            for name in ("individual", "intermediate", "treatment")
        },
        "designInfo": {
            "allocation": info.one("allocation", code) or turned(old.get("Allocation"), code),
            "interventionModel": info.one("intervention_model", words.model)
            or turned(old.get("Intervention Model"), words.model),
            "interventionModelDescription": info.one("intervention_model_description"),
            "primaryPurpose": info.one("primary_purpose", code) or turned(old.get("Primary Purpose"), code),
            "observationalModel": info.one("observational_model", words.ecologic)
            or turned(old.get("Observational Model"), words.ecologic),
            "timePerspective": info.one("time_perspective", code) or turned(old.get("Time Perspective"), code),
            "maskingInfo": {
                "masking": Found(masking, masked.path) if masked else None,
                "whoMasked": [Found(one, masked.path) for one in who] if masked else [],
                "maskingDescription": info.one("masking_description"),
            },
        },
        "bioSpec": {
            "retention": root.one("biospec_retention", code),
            "description": block(root, "biospec_descr"),
        },
        "enrollmentInfo": {"count": enrolment, "type": count_type},
    }


def _study_type(value: str) -> str | None:
    return None if value.casefold() == "n/a" else code(value.partition("[")[0])


def _old_design(root: Element) -> dict[str, Found]:
    """Until 2017 the design was one sentence: 'Allocation: Randomized, Intervention Model: …'."""
    if "study_design_info" in root.tags() or not (sentence := root.one("study_design")):
        return {}
    parts = _OLD_DESIGN.split(sentence.value)
    return {
        name: Found(value.strip(" ,\n"), sentence.path) for name, value in zip(parts[1::2], parts[2::2], strict=True)
    }


def _arms(root: Element) -> Record:
    return {
        "armGroups": [
            Found(
                {
                    "label": one.one("arm_group_label"),
                    "type": one.one("arm_group_type", code),
                    "description": one.one("description"),
                },
                one.path,
            )
            for one in root.children("arm_group")
        ],
        "interventions": [
            Found(
                {
                    "type": one.one("intervention_type", code),
                    "name": one.one("intervention_name"),
                    "description": one.one("description"),
                    "armGroupLabels": one.all("arm_group_label"),
                    "otherNames": one.all("other_name"),
                },
                one.path,
            )
            for one in root.children("intervention")
        ],
    }


def _eligibility(module: Element) -> Record:
    return {
        "eligibilityCriteria": block(module, "criteria"),
        "healthyVolunteers": module.one("healthy_volunteers", _accepts),
        "sex": module.one("gender", _sex),
        "genderBased": module.one("gender_based", flag),
        "genderDescription": module.one("gender_description"),
        "minimumAge": module.one("minimum_age", _limit),
        "maximumAge": module.one("maximum_age", _limit),
        "studyPopulation": block(module, "study_pop"),
        "samplingMethod": module.one("sampling_method", code),
    }


def _sex(value: str) -> str | None:
    return "ALL" if value.casefold() == "both" else code(value)


def _limit(value: str) -> str | None:
    return None if value.casefold() == "n/a" else value


def _accepts(value: str) -> bool | str | None:
    return {"accepts healthy volunteers": True}.get(value.casefold(), flag(value))


def _name(person: Element) -> Found | None:
    """First, middle and last name, then degrees; most records give all of it as the last name."""
    parts = [one for tag in ("first_name", "middle_name", "last_name") if (one := person.one(tag))]
    degrees = person.one("degrees")
    name = " ".join(one.value for one in parts)
    if degrees:
        name = f"{name}, {degrees.value}" if name else degrees.value
    return Found(name, person.path if len(parts) != 1 else parts[0].path) if name else None


def contact(person: Element, role: str | None = None) -> Found:
    """Somebody to ask."""
    return Found(
        {
            "name": _name(person),
            "role": Found(role, person.path) if role else person.one("role", code),
            "phone": person.one("phone"),
            "phoneExt": person.one("phone_ext"),
            "email": person.one("email"),
            "affiliation": person.one("affiliation"),
        },
        person.path,
    )


def _location(place: Element) -> Found:
    facility = place.child("facility")
    address = facility.child("address")
    people = [contact(one, "CONTACT") for tag in ("contact", "contact_backup") for one in place.children(tag)]
    return Found(
        {
            "facility": facility.one("name"),
            "status": place.one("status", code),
            "city": address.one("city"),
            "state": address.one("state"),
            "zip": address.one("zip"),
            "country": address.one("country"),
            "contacts": people + [contact(one) for one in place.children("investigator")],
        },
        place.path,
    )


def _references(root: Element) -> Record:
    return {
        "references": [
            Found(
                {
                    "pmid": one.one("PMID"),
                    "type": Found(kind, one.path),
                    "citation": one.one("citation"),
                },
                one.path,
            )
            for tag, kind in (("reference", "BACKGROUND"), ("results_reference", "RESULT"))
            for one in root.children(tag)
        ],
        "seeAlsoLinks": [
            Found({"label": one.one("description"), "url": one.one("url")}, one.path) for one in root.children("link")
        ],
        "availIpds": [
            Found(
                {
                    "id": one.one("doc_id"),
                    "type": one.one("doc_type"),
                    "url": one.one("doc_url"),
                    "comment": one.one("doc_comment"),
                },
                one.path,
            )
            for one in root.child("study_docs").children("study_doc")
        ],
    }


def _sharing(module: Element) -> Record:
    return {
        "ipdSharing": module.one("sharing_ipd", code),
        "description": module.one("ipd_description"),
        "infoTypes": module.all("ipd_info_type", code),
        "timeFrame": module.one("ipd_time_frame"),
        "accessCriteria": module.one("ipd_access_criteria"),
        "url": module.one("ipd_url"),
    }
