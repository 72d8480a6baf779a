"""/openapi.json and /docs: a valid document that says what the route table and the CapabilityStatement say."""

from __future__ import annotations

import re
from functools import cache
from itertools import groupby
from typing import Any

import httpx
import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from fhirserver.interactions import capabilities, operations
from fhirserver.interactions.server import BASES, Server
from fhirserver.resources.registry import RELEASES, Release, compartments, resource_types
from fhirserver.settings import Settings
from fhirserver.web.dispatch import dispatch
from fhirserver.web.naming import interaction
from fhirserver.web.openapi import Service, document
from fhirserver.web.openapi.interactions import DESCRIBED
from fhirserver.web.openapi.parameters import HEADERS, QUERY
from fhirserver.web.routes import ROUTES
from tests.official import REFUSED
from tests.packages import examples

Json = dict[str, Any]
SHOWN = ("Patient", "ResearchStudy")
ROWS = [(method, path, handler.__name__) for method, path, handler in ROUTES]


@cache
def service(release: Release) -> Service:
    # The statement of a server needs no store.
    server = Server(Settings(), None, release, f"http://test/{release.lower()}")  # type: ignore[arg-type]
    return Service(release, capabilities.statement(server), operations.OPERATIONS)


@cache
def made(release: Release, types: tuple[str, ...] = ()) -> Json:
    return document(service(release), ROWS, types, ["/r5"])


def rows(found: Json) -> dict[tuple[str, str], Json]:
    """What a document says of each method and path."""
    return {
        (method.upper(), path): row
        for path, item in found["paths"].items()
        for method, row in item.items()
        if method != "parameters"
    }


# --- valid --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("types", [(), SHOWN])
def test_the_document_is_valid_openapi(release: Release, types: tuple[str, ...]) -> None:
    assert list(OpenAPIV31SpecValidator(made(release, types)).iter_errors()) == []


@pytest.mark.parametrize("release", RELEASES)
def test_every_type_at_once_is_a_document_too(release: Release) -> None:
    types = tuple(sorted(resource_types(release)))
    whole = made(release, types)
    assert set(types) <= whole["components"]["schemas"].keys()
    names = {f"#/components/{kind}/{name}" for kind, parts in whole["components"].items() for name in parts}
    assert set(_references(whole)) <= names
    ids = [row["operationId"] for row in rows(whole).values()]
    assert len(ids) == len(set(ids))
    jsonschema_rs.validator_for({"$ref": "#/components/schemas/Resource", "components": whole["components"]})


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for value in part.values() for found in _references(value)]
    return [found for value in part for found in _references(value)] if isinstance(part, list) else []


# --- true ---------------------------------------------------------------------------------------------------------


def test_every_row_of_the_route_table_is_described() -> None:
    assert {handler for _, _, handler in ROWS} <= {*DESCRIBED, "operation"}
    said = rows(made("R5"))
    for method, path, handler in ROWS:
        if handler != "operation":
            assert (method, path) in said, f"{method} {path}"
    concrete = rows(made("R5", SHOWN))
    for method, path, handler in ROWS:
        for type_ in SHOWN:
            held = "{compartment}" not in path or any(type_ in each for each in compartments("R5").values())
            if handler != "operation" and held:
                assert (method, path.replace("{type}", type_, 1)) in concrete, f"{method} {path}"
            elif "{compartment}" in path and "{type}" in path:
                assert (method, path.replace("{type}", type_, 1)) not in concrete, f"{method} {path}"


@pytest.mark.parametrize("types", [(), SHOWN])
def test_every_address_of_the_document_is_one_of_the_server(types: tuple[str, ...]) -> None:
    for (method, path), row in rows(made("R5", types)).items():
        sample = path.replace("{version}", "1").replace("{id}", "a").replace("{type}", "Group")
        sample = sample.replace("{compartment}", "Patient")
        assert "{" not in sample
        handler, parameters = dispatch(method, sample, "R5")
        if "$" in path:
            assert handler.__name__ == "operation"
            assert interaction("operation", parameters) != "$other"
        else:
            assert row["operationId"].startswith(handler.__name__.replace("_", "-"))


def test_what_is_described_is_there_to_refer_to() -> None:
    for row in DESCRIBED.values():
        assert set(row.query) <= QUERY.keys()
        assert set(row.headers) <= HEADERS.keys()


CODES = {
    "read": ("GET", "/{type}/{id}"),
    "vread": ("GET", "/{type}/{id}/_history/{version}"),
    "update": ("PUT", "/{type}/{id}"),
    "patch": ("PATCH", "/{type}/{id}"),
    "delete": ("DELETE", "/{type}/{id}"),
    "history-instance": ("GET", "/{type}/{id}/_history"),
    "history-type": ("GET", "/{type}/_history"),
    "create": ("POST", "/{type}"),
    "search-type": ("GET", "/{type}"),
    "transaction": ("POST", "/"),
    "batch": ("POST", "/"),
    "search-system": ("GET", "/"),
    "history-system": ("GET", "/_history"),
}


def test_the_document_and_the_capability_statement_say_the_same() -> None:
    whole = service("R5")
    rest = whole.statement["rest"][0]
    concrete = rows(made("R5", SHOWN))
    claimed = {CODES[each["code"]] for each in rest.get("interaction", ())}
    for type_ in SHOWN:
        said = whole.types[type_]
        claimed |= {
            (method, path.replace("{type}", type_))
            for method, path in (CODES[each["code"]] for each in said["interaction"])
        }
        for each in said.get("operation", ()):
            codes = [path for _, path in concrete if path.startswith(f"/{type_}/") and f"/${each['name']}" in path]
            assert codes, f"{type_} ${each['name']}"
        names = {each["name"] for each in said.get("searchParam", ())}
        search = concrete["GET", f"/{type_}"]["parameters"]
        prefix = f"#/components/parameters/search.{type_}."
        assert {each["$ref"].removeprefix(prefix) for each in search if each["$ref"].startswith(prefix)} == names
    assert claimed <= concrete.keys()
    for code, (method, path) in CODES.items():
        place = (method, path.replace("{type}", "Patient"))
        assert place in claimed or place not in concrete, f"{code} is done and not claimed"


def test_answers_and_bodies_are_in_the_formats_of_the_capability_statement() -> None:
    formats = {each for each in service("R5").statement["format"] if "/" in each}
    assert formats >= {"application/fhir+json"}
    read = rows(made("R5"))["GET", "/{type}/{id}"]
    assert read["responses"]["200"]["content"].keys() == formats | {"*/*"}, "a Binary is also what it holds"
    assert rows(made("R5", SHOWN))["POST", "/Patient"]["requestBody"]["content"].keys() == formats


@pytest.mark.parametrize("release", RELEASES)
def test_official_examples_are_what_the_schemas_say(release: Release) -> None:
    whole = made(release, tuple(sorted(resource_types(release))))
    read = [(name, resource) for name, resource in examples(release, 12) if name not in REFUSED[release]]
    assert len(read) > 150
    # Type after type: a validator holds all schemas, compiled.
    for type_, of_type in groupby(sorted(read, key=_type), key=_type):
        schema = {"$ref": f"#/components/schemas/{type_}", "components": whole["components"]}
        validator = jsonschema_rs.Draft202012Validator(schema)
        for name, resource in of_type:
            assert [str(error) for error in validator.iter_errors(_plain(resource))] == [], name


def _type(example: tuple[str, dict[str, Any]]) -> str:
    return str(example[1]["resourceType"])


def _plain(value: Any) -> Any:
    """The same with decimals as floats, which is what the validator knows."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | bool | None) else float(value)


# --- served -------------------------------------------------------------------------------------------------------


async def test_the_document_is_served_for_the_types_that_are_asked_for(client: httpx.AsyncClient) -> None:
    generic = (await client.get("/openapi.json")).json()
    assert generic["servers"] == [{"url": f"/{name}"} for name, release in BASES.items() if release in ("R5", None)]
    assert "/{type}/{id}" in generic["paths"]
    concrete = (await client.get("/openapi.json?types=Patient,Group")).json()
    assert "/Patient/{id}" in concrete["paths"]
    assert "/{type}/{id}" not in concrete["paths"]
    assert "Patient.contact" in concrete["components"]["schemas"]


@pytest.mark.parametrize("query", ["types=Patient,Nothing", "types=%00", "release=R9", "release=r5"])
async def test_types_that_are_none_are_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/openapi.json?{query}")
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == [query.partition("=")[0]]


async def test_the_page_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert re.findall(r"https?:", policy + page.text) == []
    parts = re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text)
    assert len(parts) == 5
    for part in parts:
        file = await client.get(f"/{part}")
        assert file.status_code == 200, part
        assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert (await client.get("/docs/swagger-ui-bundle.js")).headers["Content-Encoding"] == "gzip"
    assert (await client.get("/docs/other.js")).status_code == 404


async def test_the_page_shows_the_types_of_a_trial_first(client: httpx.AsyncClient) -> None:
    script = (await client.get("/docs/docs.js")).text
    match = re.search(r'\?\? "([A-Za-z,]+)"', script)
    assert match
    assert (await client.get(f"/openapi.json?types={match[1]}")).status_code == 200
