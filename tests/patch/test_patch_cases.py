"""The table of patches: what each makes of a resource, or why it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fhirserver import fhirjson
from fhirserver.errors import FhirError
from fhirserver.fhirjson import Resource
from fhirserver.patch.formats import FHIR_JSON, JSON_PATCH, read
from fhirserver.resources.validation import validate
from tests.patch.parameters import parameters

Case = dict[str, Any]
CASES: list[Case] = fhirjson.loads((Path(__file__).parent.parent / "cases" / "patch_cases.json").read_bytes())
DONE = [case for case in CASES if "after" in case]
REFUSED = [case for case in CASES if "after" not in case]


def apply(case: Case) -> Resource:
    if case["format"] == "json":
        change = read("R5", JSON_PATCH, fhirjson.dumps(case["patch"]))
    else:
        change = read("R5", FHIR_JSON, fhirjson.dumps(parameters(case["patch"])))
    return change(case["before"])


@pytest.mark.parametrize("case", DONE, ids=[case["name"] for case in DONE])
def test_a_patch_makes_this(case: Case) -> None:
    before = fhirjson.dumps(case["before"])
    after = apply(case)
    # Bytes, so that the order of names and the digits of decimals count.
    if case["format"] == "json":
        assert fhirjson.dumps(after) == fhirjson.dumps(case["after"])
    else:
        assert fhirjson.canonical(after) == fhirjson.canonical(case["after"])
        assert validate("R5", after, level="structure") == []
    assert fhirjson.dumps(case["before"]) == before


@pytest.mark.parametrize("case", REFUSED, ids=[case["name"] for case in REFUSED])
def test_a_patch_is_refused_with_its_reason(case: Case) -> None:
    before = fhirjson.dumps(case["before"])
    with pytest.raises(FhirError) as refused:
        apply(case)
    [issue] = refused.value.issues
    assert (refused.value.status, issue.code) == (case["status"], case["code"])
    assert issue.expression == (() if case["expression"] is None else (case["expression"],))
    assert case["says"] in issue.diagnostics
    assert issue.diagnostics.endswith(".")
    assert fhirjson.dumps(case["before"]) == before


def test_the_table_names_each_case_once() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES) >= 130
