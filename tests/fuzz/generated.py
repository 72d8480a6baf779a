"""Requests made of the OpenAPI document by schemathesis: right ones, and ones that break a schema.

https://schemathesis.readthedocs.io/
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import APIOperation, Case, GenerationMode

from fhirserver import fhirjson
from tests.fuzz.asks import Ask

Json = dict[str, Any]

DEEP = 1
WIDE = 5
ACCEPTED = (
    *("*/*", "application/fhir+json", "application/fhir+xml", "application/json") * 4,
    "text/html,*/*;q=0.1",
    "image/png",
)
TUNED: dict[str, dict[str, Any]] = {
    "_format": {"enum": ["json", "xml", "application/fhir+json", "application/fhir+xml"]},
    "_sort": {"enum": ["_id", "-_lastUpdated", "_id,-_lastUpdated", "name", "-date"]},
    "_include": {"type": "array", "items": {"enum": ["*", "Patient:organization", "ResearchStudy:protocol"]}},
    "_revinclude": {"type": "array", "items": {"enum": ["ResearchSubject:study", "Observation:subject"]}},
    "_elements": {"enum": ["id", "name,birthDate", "status"]},
    "_since": {"enum": ["2020-01-01T00:00:00Z", "2100-01-01T00:00:00+01:00", "2020"]},
    "_at": {"enum": ["2020", "ge2020-02-01"]},
    "If-Match": {"enum": ['W/"1"', '"2"', "*"]},
    "If-None-Match": {"enum": ['W/"1"', "*"]},
    "If-Modified-Since": {"enum": ["Sat, 01 Jan 2000 00:00:00 GMT", "Sat, 01 Jan 2050 00:00:00 GMT"]},
    "If-None-Exist": {"enum": ["identifier=a|b", "_id=a"]},
    "Prefer": {"enum": ["return=minimal", "return=representation", "return=OperationOutcome", "handling=strict"]},
}
"""Values that mean something, of parameters whose schemas let any text through."""
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def shallow(document: Json, rng: Random) -> Json:
    """The document with bodies of a few levels and elements: whole FHIR types take a generator minutes."""
    schemas = document["components"]["schemas"]
    parameters = document["components"]["parameters"]
    tuned = {name: {**each, "schema": TUNED.get(each["name"], each["schema"])} for name, each in parameters.items()}
    paths = {path: _lean(item, rng) for path, item in document["paths"].items()}
    small = {name: _cut(schema, schemas, rng, DEEP) for name, schema in schemas.items()}
    return {**document, "paths": paths, "components": {**document["components"], "schemas": small, "parameters": tuned}}


def _lean(item: Json, rng: Random) -> Json:
    """A path with a few of its search parameters: of thirty random ones, one is wrong for certain."""
    found: Json = {}
    for method, row in item.items():
        if method == "parameters":
            found[method] = row
            continue
        named = [each for each in row["parameters"] if not each.get("$ref", "").endswith("query._cursor")]
        searches = [each for each in named if "/search." in each.get("$ref", "")]
        kept = rng.sample(searches, min(2, len(searches)))
        found[method] = {**row, "parameters": [each for each in named if each not in searches or each in kept]}
    return found


def _cut(schema: Any, schemas: dict[str, Any], rng: Random, depth: int) -> Any:
    if isinstance(schema, list):
        return [_cut(each, schemas, rng, depth) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target = schemas[schema["$ref"].rpartition("/")[2]]
        if target.get("type") != "object":
            return target
        return _cut(target, schemas, rng, depth - 1) if depth else {}
    found = {key: _cut(value, schemas, rng, depth) for key, value in schema.items() if key != "properties"}
    if "properties" in schema:
        needed = [name for name in schema["properties"] if name in schema.get("required", ()) or name == "type"]
        others = [name for name in schema["properties"] if name not in needed]
        chosen = needed + rng.sample(others, min(WIDE, len(others)))
        found["properties"] = {name: _cut(schema["properties"][name], schemas, rng, depth) for name in chosen}
        found.pop("additionalProperties", None)
    return found


def asks(document: Json, base: str, resources: Sequence[Json], each: int, number: int) -> Iterator[Ask]:
    """`each` requests for every operation and mode; most of them name one of `resources`, or send it."""
    rng = Random(number)
    schema = schemathesis.openapi.from_dict(shallow(document, rng))
    for found in schema.get_all_operations():
        operation = found.ok()
        own = operation.path.split("/")[1]
        fitting = [one for one in resources if own in (one["resourceType"], "{type}")] or list(resources)
        for mode in MODES:
            for case in _cases(operation, mode, each, number):
                meant = rng.choice(fitting) if rng.random() < 0.6 else None
                if meant is not None:
                    _name(case, meant, rng)
                ask = _ask(case, base, rng, f"{operation.label} {mode.value}")
                sends = ask.headers.get("Content-Type") == "application/fhir+json"
                yield replace(ask, body=_body(operation.path, meant)) if meant is not None and sends else ask


def _cases(operation: APIOperation, mode: GenerationMode, count: int, number: int) -> list[Case]:
    collected: list[Case] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def collect(case: Case) -> None:
        collected.append(case)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        collect()
    return collected[:count]


def _name(case: Case, meant: Json, rng: Random) -> None:
    """Makes a request one about a resource."""
    named = {"id": meant["id"], "type": meant["resourceType"], "version": rng.choice(("1", "2"))}
    for name in case.path_parameters or {}:
        case.path_parameters[name] = named.get(name, case.path_parameters[name])


def _body(path: str, meant: Json) -> bytes:
    """A resource where one is sent, and what holds it where that is another."""
    if path == "/":
        place = {"method": "PUT", "url": f"{meant['resourceType']}/{meant['id']}"}
        meant = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": meant, "request": place}]}
    elif "$" in path:
        meant = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": meant}]}
    return fhirjson.dumps(meant)


def _ask(case: Case, base: str, rng: Random, why: str) -> Ask:
    sent = case.as_transport_kwargs(base_url="http://test")
    prepared = requests.Request(
        **{name: sent.get(name) for name in ("method", "url", "headers", "params", "data", "json", "files", "cookies")}
    ).prepare()
    path = re.sub(r"^https?://[^/?]*", "", prepared.url or "")
    path = base + (path if path.startswith("/") else f"/{path}")
    body = prepared.body if isinstance(prepared.body, bytes | None) else str(prepared.body).encode()
    names = {"content-length", "user-agent", "accept-encoding", "connection"}
    headers = {
        str(name): value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in prepared.headers.items()
        if name.lower() not in names and not name.lower().startswith("x-schemathesis")
    }
    headers["Accept"] = rng.choice(ACCEPTED)
    return Ask(case.method.upper(), path, headers, body, why)
