"""The FHIR API as an OpenAPI 3.1 document, made of the route table, the CapabilityStatement and the operations.

https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fhirserver import __version__
from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import VERSIONS
from fhirserver.web.openapi.parameters import HEADERS, QUERY, Schema
from fhirserver.web.openapi.paths import Routes, Service, paths, search_parameters
from fhirserver.web.openapi.schemas import components, reference, referred

__all__ = ["Service", "document"]


def document(service: Service, routes: Routes, types: Sequence[str], servers: Iterable[str]) -> Resource:
    """The document for `types` one by one; without any, for any type, whose resources it does not describe then.

    `servers` are the addresses of FHIR bases.
    """
    release = service.release
    shown = paths(service, routes, types)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"fhirserver, FHIR {release}",
            "version": __version__,
            "description": (
                f"FHIR {VERSIONS[release]} REST API, https://hl7.org/fhir/{release}/http.html. Every resource type is "
                "stored and searched alike; this document shows "
                + (", ".join(types) if types else "what holds for any type")
                + ". `?types=Patient,Group` shows those types with all their search parameters and elements, "
                "`?types=*` every type."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url} for url in servers],
        "paths": shown,
        "components": {
            "schemas": components(release, {"OperationOutcome", *referred(shown)}),
            "parameters": {
                **{f"query.{name}": each for name, each in QUERY.items()},
                "query._format": {**QUERY["_format"], "schema": {"enum": service.statement["format"]}},
                **{f"header.{name}": each for name, each in HEADERS.items()},
                **search_parameters(service, types),
            },
            "headers": _HEADERS,
            "responses": {
                "refusal": {
                    "description": "A refusal: the issues say what is wrong, where, and what to do.",
                    "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
                    "content": {
                        kind: {"schema": reference("OperationOutcome")} if "json" in kind else {}
                        for kind in service.formats
                    },
                }
            },
        },
    }


def _header(description: str) -> Schema:
    return {"description": description, "schema": {"type": "string"}}


_HEADERS = {
    "ETag": _header('The version, such as W/"3".'),
    "Last-Modified": _header("When the version was made."),
    "Location": _header("The address of the version that was written."),
    "X-Request-Id": _header("The id of the request, for logs."),
}
