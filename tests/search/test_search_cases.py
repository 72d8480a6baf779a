"""The cases of tests/cases/search_matches.json, each asked of a real mongod and of the matcher."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from shelf import Shelf, document

from fhirserver import fhirjson
from fhirserver.releases import converted
from fhirserver.resources.registry import stored_release
from fhirserver.search.match import matches
from fhirserver.search.parse import parse

CASES = fhirjson.loads((Path(__file__).parent.parent / "cases" / "search_matches.json").read_bytes())
BASES = ["http://example.org/fhir"]


def filled(case: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {id_: {"resourceType": case["type"], "id": id_, **rest} for id_, rest in case["resources"].items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["about"])
def test_cases(case: dict[str, Any], shelves: Callable[[str], Shelf]) -> None:
    release, type_ = case["release"], case["type"]
    form = stored_release(release, type_)
    resources = {id_: converted(resource, release, form) for id_, resource in filled(case).items()}
    shelf = shelves(f"case{CASES.index(case)}")
    shelf.put(document(form, resource) for resource in resources.values())
    deleted = {"_id": "gone", "v": 2, "gone": True, "t": [], "x": [], "s": {}, "f": {}}
    shelf.put([deleted])
    wrong = []
    for asked in case["queries"]:
        params = parse_qsl(asked["query"], keep_blank_values=True)
        node = parse(release, type_, params, strict=True, base_urls=BASES).filter
        stored = shelf.ids(node, release)
        matched = sorted(id_ for id_, resource in resources.items() if matches(node, resource, release))
        if not stored == matched == sorted(asked["finds"]):
            wrong.append((asked["query"], {"wanted": asked["finds"], "mongod": stored, "matcher": matched}))
    assert not wrong
