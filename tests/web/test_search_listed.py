"""_list, _in and :in: what Lists, Groups and CareTeams have among their own, over HTTP."""

from __future__ import annotations

import httpx
import pytest

from tests.web.conftest import Json

OLD = {"start": "2001-01-01", "end": "2002-01-01"}
TOKEN = {"coding": [{"system": "urn:x", "code": "x"}]}


def ref(text: str) -> Json:
    return {"reference": text}


RESOURCES: list[Json] = [
    *(
        {"resourceType": "Patient", "id": id_, "gender": "female" if id_ in "ac" else "male"}
        for id_ in ("a", "b", "c", "d", "e")
    ),
    {"resourceType": "Practitioner", "id": "doctor"},
    *(
        {"resourceType": "Observation", "id": f"of-{id_}", "status": "final", "code": TOKEN}
        | {"subject": ref(f"Patient/{id_}")}
        for id_ in ("a", "b", "c")
    ),
    {"resourceType": "Observation", "id": "of-nobody", "status": "final", "code": TOKEN},
    {
        "resourceType": "List", "id": "one", "status": "current", "mode": "changes",
        "entry": [
            {"item": ref("Patient/a")}, {"item": ref("http://test/r5/Patient/b")}, {"item": ref("Observation/of-c")},
            {"item": ref("Patient/c"), "deleted": True}, {"item": ref("Patient/d/_history/1")},
            {"item": ref("http://elsewhere.org/Patient/e")}, {"item": ref("Patient/missing")},
            {"item": {"display": "?"}},
        ],
    },
    {"resourceType": "List", "id": "empty", "status": "current", "mode": "working"},
    {
        "resourceType": "Group", "id": "g", "type": "person", "membership": "enumerated",
        "member": [
            {"entity": ref("Patient/a")}, {"entity": ref("Patient/b"), "inactive": True},
            {"entity": ref("Patient/c"), "period": OLD}, {"entity": ref("http://test/r5/Patient/d")},
            {"entity": ref("Practitioner/doctor")}, {"entity": ref("Patient/e"), "period": {"start": "2001"}},
        ],
    },
    {
        "resourceType": "CareTeam", "id": "t",
        "participant": [
            {"member": ref("Practitioner/doctor")}, {"member": ref("Patient/a"), "coveragePeriod": OLD},
            {"member": ref("Patient/b"), "coveragePeriod": {"start": "2001"}},
        ],
    },
]  # fmt: skip


@pytest.fixture(scope="module")
async def filled(shared: httpx.AsyncClient) -> httpx.AsyncClient:
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
        for each in RESOURCES
    ]
    answer = await shared.post("/r5", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status_code == 200, answer.text
    return shared


@pytest.mark.parametrize(
    ("search", "ids"),
    [
        ("Patient?_list=one", "a b d"),
        ("Patient?_list=List/one", "a b d"),
        ("Patient?_list=http://test/r5/List/one", "a b d"),
        ("Patient?_list=one&gender=female", "a"),
        ("Patient?_list=one,empty", "a b d"),
        ("Patient?_list=empty", ""),
        ("Patient?_list=no-such-list", ""),
        ("Observation?_list=one", "of-c"),
        ("Device?_list=one", ""),
        ("Patient?_in=List/one", "a b d"),
        ("Patient?_in=Group/g", "a d e"),
        ("Patient?_in=CareTeam/t", "b"),
        ("Practitioner?_in=CareTeam/t", "doctor"),
        ("Patient?_in=g", "a d e"),
        ("Patient?_in:Group=g", "a d e"),
        ("Patient?_in=Group/g,CareTeam/t", "a b d e"),
        ("Patient?_in=Group/g&_in=CareTeam/t", ""),
        ("Observation?patient._in=Group/g", "of-a"),
        ("Observation?patient._list=one", "of-a of-b"),
        ("Observation?subject:in=Group/g", "of-a"),
        ("Observation?subject:in=List/one,CareTeam/t", "of-a of-b"),
        ("Observation?subject:not-in=Group/g", "of-b of-c of-nobody"),
        ("Group?member:in=List/one", "g"),
        ("Group?member:in=CareTeam/t", "g"),
        ("Group?member:in=List/empty", ""),
        ("Patient?_has:Group:member:_id=g", "a b c d e"),
        ("Patient?_filter=_list eq one and gender eq female", "a"),
        ("Patient?_filter=not (_in re Group/g)", "b c"),
        ("Observation?_filter=subject._list eq one or code eq y", "of-a of-b"),
    ],
)
async def test_members_are_found(filled: httpx.AsyncClient, search: str, ids: str) -> None:
    answer = await filled.get(f"/r5/{search}", headers={"Prefer": "handling=strict"})
    assert answer.status_code == 200, answer.text
    assert sorted(each["resource"]["id"] for each in answer.json().get("entry", ())) == ids.split()


@pytest.mark.parametrize(
    ("search", "name", "says"),
    [
        ("Patient?_list=$current-problems", "_list", "functional list"),
        ("Patient?_list=Group/g", "_list", "write List/[id]"),
        ("Patient?_list=http://elsewhere.org/List/one", "_list", "not of this server"),
        ("Patient?_list=List/one/_history/1", "_list", "write List/[id]"),
        ("Patient?_list:not=one", "_list:not", "leave it out"),
        ("Patient?_list:missing=true", "_list:missing", "takes no modifier"),
        ("Patient?_list=a b", "_list", "write List/[id]"),
        ("Patient?_in=Patient/a", "_in", "List/[id] or Group/[id] or CareTeam/[id]"),
        ("Patient?_in:Patient=a", "_in:Patient", "leave it out"),
        ("Patient?_in:Group=List/one", "_in:Group", "write Group/[id]"),
        ("Patient?_in:missing=true", "_in:missing", "not supported"),
        ("Patient?_list=" + ",".join("abcdefghijklmnopqrstu"), "_list", "at most 20"),
        ("Observation?focus:in=Group/g", "focus:in", "name one, as in 'focus:Patient._in'"),
        ("Observation?subject:in=Patient/a", "subject:in", "List/[id] or Group/[id]"),
    ],
)
async def test_what_is_no_list_is_refused(filled: httpx.AsyncClient, search: str, name: str, says: str) -> None:
    answer = await filled.get(f"/r5/{search}")
    (issue,) = answer.json()["issue"]
    assert (answer.status_code, issue["expression"]) == (400, [name])
    assert says in issue["diagnostics"]
