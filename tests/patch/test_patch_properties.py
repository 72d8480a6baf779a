"""Laws of patches, over generated resources: what is undone, what fails, what anybody may send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver import fhirjson
from fhirserver.errors import FhirError
from fhirserver.fhirjson import Resource
from fhirserver.patch.formats import JSON_PATCH, from_resource, read
from fhirserver.resources.validation import validate
from tests.patch.parameters import parameters

Json = dict[str, Any]

words = st.sampled_from(["Ann", "Bo", "Cy"])
extras = st.none() | st.builds(lambda v: {"extension": [{"url": "urn:u", "valueString": v}]}, words)


@st.composite
def names(draw: st.DrawFn) -> Json:
    """A HumanName whose given names may have extensions, or extensions alone."""
    pairs = draw(st.lists(st.tuples(st.none() | words, extras).filter(any), min_size=1, max_size=4))
    name: Json = {}
    if any(value for value, _ in pairs):
        name["given"] = [value for value, _ in pairs]
    if any(extra for _, extra in pairs):
        name["_given"] = [extra for _, extra in pairs]
    if draw(st.booleans()):
        name["family"] = draw(words)
    return name


@st.composite
def patients(draw: st.DrawFn) -> Resource:
    patient: Resource = {"resourceType": "Patient", "id": "a", "name": draw(st.lists(names(), min_size=1, max_size=3))}
    if draw(st.booleans()):
        patient["birthDate"] = draw(st.sampled_from(["1980", "1980-02-29"]))
        if extra := draw(extras):
            patient["_birthDate"] = extra
    if draw(st.booleans()):
        patient["deceasedBoolean"] = draw(st.booleans())
    return patient


def fhirpath(patient: Resource, *operations: Json) -> Resource:
    return from_resource("R5", parameters(operations))(patient)


def same(one: Resource, other: Resource) -> bool:
    return fhirjson.canonical(one) == fhirjson.canonical(other)


def length(name: Json) -> int:
    return max(len(name.get("given", ())), len(name.get("_given", ())))


@given(patients())
def test_generated_patients_are_valid(patient: Resource) -> None:
    assert validate("R5", patient) == []


@given(patients(), words, st.data())
def test_what_is_inserted_and_deleted_was_never_there(patient: Resource, word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(patient["name"]) - 1))
    where = data.draw(st.integers(0, length(patient["name"][at])))
    insert = {"type": "insert", "path": f"Patient.name[{at}].given", "index": where, "value": {"valueString": word}}
    between = fhirpath(patient, insert)
    assert validate("R5", between) == []
    assert between["name"][at]["given"][where] == word
    assert same(fhirpath(between, {"type": "delete", "path": f"Patient.name[{at}].given[{where}]"}), patient)


@given(patients(), st.data())
def test_a_move_and_back_is_none(patient: Resource, data: st.DataObject) -> None:
    most = length(patient["name"][0]) - 1
    one, other = data.draw(st.integers(0, most)), data.draw(st.integers(0, most))
    there = {"type": "move", "path": "Patient.name[0].given", "source": one, "destination": other}
    moved = fhirpath(patient, there)
    assert validate("R5", moved) == []
    assert same(fhirpath(moved, there | {"source": other, "destination": one}), patient)


@given(patients())
def test_each_element_replaced_by_itself_is_no_change(patient: Resource) -> None:
    whole = [
        {"type": "replace", "path": f"Patient.name[{at}]", "value": {"valueHumanName": name}}
        for at, name in enumerate(patient["name"])
    ]
    if "birthDate" in patient:
        value = {"valueDate": patient["birthDate"]}
        value |= {"_valueDate": patient["_birthDate"]} if "_birthDate" in patient else {}
        whole.append({"type": "replace", "path": "Patient.birthDate", "value": value})
    if "deceasedBoolean" in patient:
        value = {"valueBoolean": patient["deceasedBoolean"]}
        whole.append({"type": "replace", "path": "Patient.deceased", "value": value})
    after = fhirpath(patient, *whole)
    assert fhirjson.dumps(after) == fhirjson.dumps(patient)


@given(patients())
def test_deleting_all_of_a_name_deletes_the_name(patient: Resource) -> None:
    name = patient["name"][-1]
    path = f"Patient.name[{len(patient['name']) - 1}]"
    gone = [{"type": "delete", "path": f"{path}.given[0]"}] * length(name)
    gone += [{"type": "delete", "path": f"{path}.family"}] * ("family" in name)
    after = fhirpath(patient, *gone)
    assert after.get("name", []) == patient["name"][:-1]
    assert validate("R5", after) == []


@given(patients(), patients())
def test_a_json_patch_from_one_to_another_makes_the_other(one: Resource, other: Resource) -> None:
    patch = jsonpatch.make_patch(one, other).patch
    after = read("R5", JSON_PATCH, fhirjson.dumps(patch))(one)
    assert same(after, other)


@given(patients(), words)
def test_what_is_added_and_removed_was_never_there(patient: Resource, word: str) -> None:
    patch = [{"op": "add", "path": "/name/0/text", "value": word}, {"op": "remove", "path": "/name/0/text"}]
    after = read("R5", JSON_PATCH, fhirjson.dumps(patch))(patient)
    assert fhirjson.dumps(after) == fhirjson.dumps(patient)


tokens = st.sampled_from(["", "name", "_given", "given", "0", "1", "-", "00", "-1", "9" * 30, "text", "~0", "é", "id"])
pointers = st.lists(tokens, max_size=4).map(lambda parts: "".join(f"/{part}" for part in parts))
values = st.sampled_from([None, 1, True, "x", [], {}, {"family": "x"}, [{"family": "x"}]])
json_operations = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "no"]),
        "path": pointers,
        "from": pointers,
        "value": values,
    }
)


@settings(max_examples=300)
@given(patients(), st.lists(json_operations, max_size=5))
def test_any_json_patch_is_done_or_refused(patient: Resource, patch: list[Json]) -> None:
    done_or_refused(patient, lambda: read("R5", JSON_PATCH, fhirjson.dumps(patch))(patient))


steps = st.sampled_from(
    [
        *(
            "name",
            "name[0]",
            "name[9]",
            "given",
            "given[1]",
            "family",
            "birthDate",
            "deceased",
            "contact",
            "meta",
            "id",
        ),
        *("extension('urn:u')", "extension", "value", "foo", "active", "Patient", "$this", "%resource", "'x'", "text["),
        *("first()", "last()", "single()", "tail()", "take(1)", "skip(1)", "count()", "resolve()", "ofType(string)"),
        *("where(family='Bo')", "where(given.exists())", "where(family)", "where(1/0=1)", "repeat(name)"),
    ]
)
paths = st.lists(steps, min_size=1, max_size=4).map(".".join)
typed = st.sampled_from(
    [
        {"valueString": "x"},
        {"valueDate": "1990"},
        {"valueBoolean": True},
        {"valueHumanName": {"family": "x"}},
        {"part": [{"name": "url", "valueUri": "urn:w"}, {"name": "value", "valueCode": "y"}]},
        {"part": [{"name": "given", "valueString": "y"}]},
        {"resource": {"resourceType": "Basic"}},
        {"_valueString": {"extension": [{"url": "urn:u", "valueString": "v"}]}},
    ]
)
numbers = st.integers(-1, 3)
named = st.sampled_from(["name", "given", "family", "birthDate", "deceased", "extension", "contained", "id", "foo"])
fhirpath_operations = st.one_of(
    st.builds(lambda p, n, v: {"type": "add", "path": p, "name": n, "value": v}, paths, named, typed),
    st.builds(lambda p, i, v: {"type": "insert", "path": p, "index": i, "value": v}, paths, numbers, typed),
    st.builds(lambda p: {"type": "delete", "path": p}, paths),
    st.builds(lambda p, v: {"type": "replace", "path": p, "value": v}, paths, typed),
    st.builds(lambda p, s, d: {"type": "move", "path": p, "source": s, "destination": d}, paths, numbers, numbers),
)


@settings(max_examples=500)
@given(patients(), st.lists(fhirpath_operations, max_size=4))
def test_any_fhirpath_patch_is_done_or_refused(patient: Resource, patch: list[Json]) -> None:
    done_or_refused(patient, lambda: fhirpath(patient, *patch), shaped=True)


def done_or_refused(patient: Resource, work: Callable[[], Resource], *, shaped: bool = False) -> None:
    """A patch is carried out or refused with a reason; either way what it was applied to stays as it was."""
    before = fhirjson.dumps(patient)
    refusal: FhirError | None = None
    try:
        after = work()
    except FhirError as error:
        refusal = error
    assert fhirjson.dumps(patient) == before
    if refusal is not None:
        assert 400 <= refusal.status < 500
        assert all(issue.diagnostics.endswith(".") for issue in refusal.issues)
        return
    assert after["id"] == "a"
    if shaped:  # types are checked as values are put in, so nothing gets a wrong shape
        wrong = [issue for issue in validate("R5", after, level="structure") if issue.code == "structure"]
        assert wrong == []


BODIES = [b"", b"{", b"3", b"[", b"null", b'[{"op":"remove","op":"add","path":"/id"}]', b"\xff"]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("media_type", [JSON_PATCH, "application/fhir+json", "application/json"])
def test_bodies_that_are_no_patch_are_refused(media_type: str, body: bytes) -> None:
    with pytest.raises(FhirError) as refused:
        read("R5", media_type, body)
    assert refused.value.status == 400
