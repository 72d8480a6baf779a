"""The route table as OpenAPI paths, for any type or for types one by one.

https://spec.openapis.org/oas/v3.1.0#paths-object
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fhirserver.fhirjson import Resource
from fhirserver.interactions.operation import Operation
from fhirserver.resources.registry import Release, compartments, is_primitive
from fhirserver.web.openapi.interactions import DESCRIBED, Answer, Interaction
from fhirserver.web.openapi.parameters import QUERY, Schema, any_search, path_parameter, search_parameter
from fhirserver.web.openapi.schemas import reference

Routes = Iterable[tuple[str, str, str]]
"""Method, path and the name of the handler."""

GENERAL = ("_format", "_pretty")
_PLACE = {0: "system", 1: "type", 2: "instance"}


@dataclass(frozen=True, slots=True)
class Service:
    """What the paths are made of: the release, its CapabilityStatement and the table of operations."""

    release: Release
    statement: Resource
    operations: tuple[Operation, ...]

    @property
    def formats(self) -> list[str]:
        """Media types of resources."""
        return [each for each in self.statement["format"] if "/" in each]

    @property
    def patches(self) -> list[str]:
        """Media types of patches."""
        return list(self.statement.get("patchFormat", []))

    @property
    def types(self) -> dict[str, Resource]:
        """What is said of each resource type."""
        return {each["type"]: each for each in self.statement["rest"][0]["resource"]}


def paths(service: Service, routes: Routes, types: Iterable[str]) -> dict[str, Resource]:
    """The path items: of the whole system, and of `types` one by one or, without any, of any type."""
    found: dict[str, Resource] = {}
    chosen = list(types)
    for method, path, handler in routes:
        for address, type_ in _addresses(path, _shown(service, path, chosen)):
            if handler == "operation":
                rows = _operations(service, method, address, type_)
            else:
                rows = iter([(address, _described(service, handler, address, type_))])
            for place, row in rows:
                item = found.setdefault(place, {"parameters": _path_parameters(service, place)})
                item[method.lower()] = row
    return found


def _addresses(path: str, types: list[str]) -> Iterator[tuple[str, str | None]]:
    """A path with the types it is to be shown for; those of the system have none."""
    if "{type}" not in path:
        yield path, None
    elif types:
        yield from ((path.replace("{type}", type_, 1), type_) for type_ in types)
    else:
        yield path, None


def _shown(service: Service, path: str, types: list[str]) -> list[str]:
    """Those of `types` that a path is about: not every type is in a compartment."""
    if "{compartment}" not in path:
        return types
    held = {type_ for each in compartments(service.release).values() for type_ in each}
    return [type_ for type_ in types if type_ in held]


def _path_parameters(service: Service, path: str) -> list[Schema]:
    return [
        path_parameter(name, compartments(service.release) if name == "compartment" else service.types)
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _described(service: Service, handler: str, path: str, type_: str | None) -> Resource:
    row = DESCRIBED[handler]
    any_type = "{type}" in path
    said = {
        "a": f"a {type_}" if type_ else "a resource",
        "all": f"{type_} resources" if type_ else "resources",
        "what": "a resource"
        if "{id}" in path
        else f"all {type_ or 'of a type'}"
        if type_ or any_type
        else "everything",
    }
    made: Resource = {
        "operationId": "-".join(filter(None, (handler.replace("_", "-"), *_level(path), type_))),
        "summary": row.summary.format(**said),
        "tags": [type_ or ("any type" if any_type else "system")],
        "parameters": [
            *(_common("query", name) for name in (*GENERAL, *row.query)),
            *(_common("header", name) for name in (*row.headers, "X-Request-Id")),
            *(_searches(service, type_, any_type) if row.searches else ()),
        ],
        "responses": _responses(service, row, type_ if "{id}" in path or row.answer == "written" else None),
    }
    body = _body(service, row, type_)
    return made | ({"requestBody": body} if body else {})


def _level(path: str) -> tuple[str, ...]:
    """What tells operation ids of one handler apart."""
    return ("instance",) if "{id}" in path else ("any",) if "{type}" in path else ()


def _common(place: str, name: str) -> Schema:
    return {"$ref": f"#/components/parameters/{place}.{name}"}


def _searches(service: Service, type_: str | None, any_type: bool) -> list[Schema]:
    if type_ is None and any_type:
        return [any_search()]
    if type_ is None:
        every = (row for row in service.statement["rest"][0]["searchParam"] if row["name"] not in QUERY)
        return [search_parameter(row["name"], row["type"], row["definition"]) for row in every]
    return [_common(f"search.{type_}", row["name"]) for row in service.types[type_].get("searchParam", ())]


def search_parameters(service: Service, types: Iterable[str]) -> dict[str, Schema]:
    """The components that describe the search parameters of types."""
    return {
        f"search.{type_}.{row['name']}": search_parameter(row["name"], row["type"], row["definition"])
        for type_ in types
        for row in service.types[type_].get("searchParam", ())
    }


def _content(service: Service, name: str) -> Resource:
    return {
        kind: {"schema": reference(name)} if "json" in kind else {"schema": {"type": "string"}}
        for kind in service.formats
    }


def _resources(service: Service, type_: str | None) -> Resource:
    """Resources of a type; a Binary is also what it holds, in its own format."""
    found = _content(service, type_ or "Resource")
    return found | {"*/*": {}} if type_ in (None, "Binary") else found


def _body(service: Service, row: Interaction, type_: str | None) -> Resource | None:
    match row.body:
        case None:
            return None
        case "form":
            fields = {"type": "object", "additionalProperties": {"type": "string"}}
            return {"content": {"application/x-www-form-urlencoded": {"schema": fields}}}
        case "patch":
            kinds: Resource = {kind: {"schema": {}} for kind in service.patches}
            return {"required": True, "content": kinds}
        case "Bundle":
            return {"required": True, "content": _content(service, "Bundle")}
        case "resource":
            return {"required": True, "content": _resources(service, type_)}


_ANSWERS: dict[Answer, str] = {"Bundle": "Bundle", "CapabilityStatement": "CapabilityStatement"}


def _responses(service: Service, row: Interaction, type_: str | None) -> Resource:
    name = _ANSWERS.get(row.answer, type_ or "Resource")
    found: Resource = {}
    for status in row.success:
        match status:
            case 304:
                found["304"] = {"description": "The client has this version already.", "headers": _headers("ETag")}
            case 204:
                found["204"] = {"description": "Done; there is nothing to answer."}
            case 200 if row.answer == "nothing":
                found["200"] = {"description": "Done.", "content": _content(service, "OperationOutcome")}
            case _ if row.answer == "written":
                # Prefer decides whether the body is the resource, an OperationOutcome or nothing.
                said = "It was created." if status == 201 else "It was written, or was there already."
                headers = _headers("ETag", "Last-Modified", "Location")
                found[str(status)] = {"description": said, "content": _content(service, "Resource"), "headers": headers}
            case _:
                headers = _headers("ETag", "Last-Modified") if row.answer == "resource" else _headers()
                content = _resources(service, type_) if row.answer == "resource" else _content(service, name)
                found[str(status)] = {"description": "Found.", "content": content, "headers": headers}
    found["default"] = {"$ref": "#/components/responses/refusal"}
    return found


def _headers(*names: str) -> Resource:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, "X-Request-Id")}


# --- operations ---------------------------------------------------------------------------------------------------


def _operations(service: Service, method: str, path: str, type_: str | None) -> Iterator[tuple[str, Resource]]:
    """The operations that are done at a place of the table."""
    any_type = "{type}" in path
    level = _PLACE[0 if type_ is None and not any_type else 1 + ("{id}" in path)]
    for operation in service.operations:
        if level not in operation.levels or method not in operation.methods(service.release):
            continue
        if "{version}" in path and not operation.versions:
            continue
        if type_ is not None and operation.types is not None and type_ not in operation.types:
            continue
        # An operation of few types has addresses of its own; what any type has is shown at {type}.
        places = operation.types if any_type and operation.types is not None else (None,)
        for own in places:
            place = path.replace("{type}", own) if own else path
            yield (
                place.replace("{operation}", f"${operation.code}"),
                _operation(service, operation, method, place, level, own or type_),
            )


def _operation(
    service: Service, operation: Operation, method: str, path: str, level: str, type_: str | None
) -> Resource:
    place = (level, "version" if "{version}" in path else None, type_)
    returned = operation.returns.type if operation.answers_a_resource(service.release) else "Parameters"
    made: Resource = {
        "operationId": "-".join([operation.code, method.lower(), *filter(None, place)]),
        "summary": operation.title,
        "description": operation.description,
        "tags": [type_ or ("any type" if "{type}" in path else "system")],
        "parameters": [
            *(_common("query", name) for name in GENERAL),
            _common("header", "X-Request-Id"),
        ],
        "responses": {
            "200": {"description": operation.returns.documentation, "content": _content(service, returned)},
            **(
                {"201": {"description": operation.returns.documentation, "content": _content(service, returned)}}
                if operation.affects_state
                else {}
            ),
            "default": {"$ref": "#/components/responses/refusal"},
        },
    }
    if method == "GET":
        for row in operation.takes(service.release):
            if is_primitive(service.release, row.type):
                schema = {"type": "array", "items": {"type": "string"}} if row.max != 1 else {"type": "string"}
                made["parameters"].append(
                    {"name": row.name, "in": "query", "description": row.documentation, "schema": schema}
                    | ({"required": True} if row.min else {})
                )
    elif operation.raw:
        made["requestBody"] = {"required": True, "content": {"*/*": {"schema": {"type": "string"}}}}
    else:
        needed = any(row.min for row in operation.takes(service.release))
        made["requestBody"] = {"required": needed, "content": _content(service, "Parameters")}
    return made
