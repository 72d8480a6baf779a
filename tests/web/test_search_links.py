"""What leads from one resource to others: chains and _has by canonical URLs, _include and _revinclude in all forms."""

from __future__ import annotations

import httpx
import pytest

from tests.web.conftest import Json


def ref(text: str) -> Json:
    return {"reference": text}


ACTIVE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
TOKEN = {"coding": [{"system": "urn:x", "code": "x"}]}
FORM = {"resourceType": "Questionnaire", "status": "active", "url": "http://acme.org/q"}
RESOURCES: list[Json] = [
    FORM | {"id": "q1", "version": "1.0", "title": "Intake"},
    FORM | {"id": "q2", "version": "2.0", "title": "Intake again"},
    FORM | {"id": "other", "url": "http://acme.org/other", "title": "Other"},
    *(
        {"resourceType": "QuestionnaireResponse", "id": id_, "status": "completed", "questionnaire": url}
        for id_, url in (
            ("any", "http://acme.org/q"), ("first", "http://acme.org/q|1.0"), ("third", "http://acme.org/q|3.0"),
            ("elsewhere", "http://acme.org/nothing"),
        )
    ),
    {"resourceType": "Patient", "id": "p", "generalPractitioner": [ref("Practitioner/d")]},
    {"resourceType": "Practitioner", "id": "d", "name": [{"family": "Who"}]},
    {"resourceType": "Observation", "id": "o", "status": "final", "code": TOKEN, "subject": ref("Patient/p")},
    {"resourceType": "Condition", "id": "c", "clinicalStatus": ACTIVE, "subject": ref("Patient/p"), "code": TOKEN},
    {"resourceType": "Group", "id": "g", "type": "person", "membership": "enumerated",
     "member": [{"entity": ref("Patient/p")}]},
    {"resourceType": "CodeSystem", "id": "cs", "status": "active", "content": "complete", "url": "http://acme.org/cs",
     "name": "Acme"},
    {"resourceType": "CodeSystem", "id": "sup", "status": "active", "content": "supplement",
     "supplements": "http://acme.org/cs"},
    {"resourceType": "Organization", "id": "org", "name": "Acme Trials"},
    {"resourceType": "Medication", "id": "apart", "code": TOKEN, "status": "active"},
    *(
        {"resourceType": "MedicationRequest", "id": id_, "status": "active", "intent": "order"}
        | {"subject": ref("Patient/p"), "medication": {"reference": ref(reference)}} | contained
        for id_, reference, contained in (
            ("inside", "#m", {"contained": [
                {"resourceType": "Medication", "id": "m", "code": TOKEN, "status": "inactive",
                 "marketingAuthorizationHolder": ref("Organization/org")},
            ]}),
            ("outside", "Medication/apart", {}),
        )
    ),
    {"resourceType": "ActivityDefinition", "id": "a", "status": "active", "url": "http://acme.org/a"},
    {"resourceType": "ActivityDefinition", "id": "b", "status": "active", "url": "http://acme.org/b",
     "relatedArtifact": [{"type": "derived-from", "resource": "http://acme.org/a"}]},
]  # fmt: skip


@pytest.fixture(scope="module")
async def filled(shared: httpx.AsyncClient) -> httpx.AsyncClient:
    for each in RESOURCES:
        answer = await shared.put(f"/r5/{each['resourceType']}/{each['id']}", json=each)
        assert answer.status_code == 201, answer.text
    return shared


async def found(client: httpx.AsyncClient, search: str, mode: str = "match", **headers: str) -> str:
    answer = await client.get(f"/r5/{search}", headers=headers)
    assert answer.status_code == 200, answer.text
    entries = answer.json().get("entry", ())
    return " ".join(sorted(each["resource"]["id"] for each in entries if each["search"]["mode"] == mode))


@pytest.mark.parametrize(
    ("search", "ids"),
    [
        ("QuestionnaireResponse?questionnaire.title=Intake", "any first third"),
        ("QuestionnaireResponse?questionnaire.title=Other", ""),
        ("QuestionnaireResponse?questionnaire.version=9", ""),
        ("Questionnaire?_has:QuestionnaireResponse:questionnaire:status=completed", "q1 q2"),
        ("Questionnaire?_has:QuestionnaireResponse:questionnaire:_id=elsewhere", ""),
        ("ActivityDefinition?derived-from:ActivityDefinition._id=a", "b"),
        ("ActivityDefinition?_has:ActivityDefinition:derived-from:_id=b", "a"),
        ("CodeSystem?supplements.name=acme", "sup"),
        ("CodeSystem?_has:CodeSystem:supplements:_id=sup", "cs"),
    ],
)
async def test_chains_and_has_follow_canonical_urls(filled: httpx.AsyncClient, search: str, ids: str) -> None:
    assert await found(filled, search) == ids


@pytest.mark.parametrize(
    ("search", "ids"),
    [
        ("MedicationRequest?medication.code=urn:x|x", "inside outside"),
        ("MedicationRequest?medication:Medication.code=x", "inside outside"),
        ("MedicationRequest?medication.code=y", ""),
        ("MedicationRequest?medication.code:not=y", "inside outside"),
        ("MedicationRequest?medication.status=inactive", "inside"),
        ("MedicationRequest?medication.status:not=inactive", "outside"),
        ("MedicationRequest?medication.code:missing=true", ""),
        ("MedicationRequest?medication.marketingauthorizationholder.name=acme", "inside"),
        ("MedicationRequest?medication.marketingauthorizationholder.name:contains=trial", "inside"),
        ("MedicationRequest?_filter=medication[code eq x].status eq active", "outside"),
        ("MedicationRequest?medication._id=m", ""),
        ("Patient?_has:MedicationRequest:subject:medication.status=inactive", "p"),
        ("Medication?code=x", "apart"),
    ],
)
async def test_chains_lead_into_what_is_contained_too(filled: httpx.AsyncClient, search: str, ids: str) -> None:
    assert await found(filled, search, Prefer="handling=strict") == ids


@pytest.mark.parametrize(
    ("search", "ids"),
    [
        ("Questionnaire?_id=q1&_revinclude=QuestionnaireResponse:questionnaire", "any first"),
        ("Questionnaire?_id=q2&_revinclude=QuestionnaireResponse:questionnaire", "any"),
        ("Questionnaire?_id=q1&_revinclude=QuestionnaireResponse:*", "any first"),
        ("ActivityDefinition?_id=a&_revinclude=ActivityDefinition:derived-from", "b"),
        ("ActivityDefinition?_id=b&_include=ActivityDefinition:derived-from:ActivityDefinition", "a"),
        ("Patient?_id=p&_revinclude=Group:member", "g"),
        ("Patient?_id=p&_revinclude=Group:member:Patient", "g"),
        ("Patient?_id=p&_revinclude=Group:member:Practitioner", ""),
        ("Patient?_id=p&_revinclude=*", "c g inside o outside"),
        ("Patient?_id=p&_revinclude=Observation:*", "o"),
        ("Patient?_id=p&_include=*", "d"),
        ("Observation?_id=o&_include=*", "p"),
        ("Observation?_id=o&_include:iterate=*", "d p"),
        ("Observation?_id=o&_include:recurse=*", "d p"),
        ("Practitioner?_id=d&_revinclude:iterate=*", "c g inside o outside p"),
        ("Observation?_id=o&_include=Observation:subject&_include:iterate=Patient:general-practitioner", "d p"),
        ("Observation?_id=o&_include=Observation:subject&_revinclude:iterate=Condition:subject", "c p"),
        ("Group?_id=g&_include=Group:member", "p"),
    ],
)
async def test_includes_lead_both_ways(filled: httpx.AsyncClient, search: str, ids: str) -> None:
    assert await found(filled, search, "include", Prefer="handling=strict") == ids


async def test_what_has_no_value_is_left_out_and_reported(filled: httpx.AsyncClient) -> None:
    bundle = (await filled.get("/r5/Patient?_id=p&birthdate=&_count=")).json()
    outcome = bundle["entry"][-1]["resource"]
    assert bundle["link"][0]["url"] == "http://test/r5/Patient?_id=p"
    assert [(issue["severity"], issue["expression"]) for issue in outcome["issue"]] == [
        ("warning", ["birthdate"]),
        ("warning", ["_count"]),
    ]
    strict = await filled.get("/r5/Patient?birthdate=", headers={"Prefer": "handling=strict"})
    assert strict.status_code == 400
    assert (await filled.delete("/r5/Patient?birthdate=")).status_code == 400


async def test_a_form_is_read_as_strictly_as_a_url(filled: httpx.AsyncClient) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Prefer": "handling=strict"}
    assert (await filled.post("/r5/Patient/_search", content="nothing=1", headers=form)).status_code == 400
    lenient = await filled.post(
        "/r5/Patient/_search", content="nothing=1", headers=form | {"Prefer": "handling=lenient"}
    )
    assert lenient.json()["entry"][-1]["resource"]["issue"][0]["expression"] == ["nothing"]


async def test_what_is_contained_is_not_searched_for(filled: httpx.AsyncClient) -> None:
    assert (
        await found(filled, "Patient?_contained=false&_containedType=container&_id=p", Prefer="handling=strict") == "p"
    )
