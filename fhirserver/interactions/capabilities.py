"""capabilities: what this server does, from what is registered.

https://hl7.org/fhir/R5/capabilitystatement.html
"""

from __future__ import annotations

from typing import Any

from fhirserver import __version__, fhirjson
from fhirserver.fhirjson import Resource
from fhirserver.interactions import operations
from fhirserver.interactions.server import Server
from fhirserver.resources.registry import VERSIONS, resource_types
from fhirserver.search.parameters import parameters

_STARTED = fhirjson.now()
_INTERACTIONS = ("read", "vread", "update", "delete", "history-instance", "create", "search-type")


def statement(server: Server) -> Resource:
    """The CapabilityStatement of this base; its date is when the server came up."""
    release = server.release
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": fhirjson.instant(_STARTED),
        "kind": "instance",
        "software": {"name": "fhirserver", "version": __version__},
        "implementation": {"description": "A FHIR server for clinical research", "url": server.base},
        "fhirVersion": VERSIONS[release],
        "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
        "rest": [
            {
                "mode": "server",
                "security": {"cors": True},
                "resource": [_resource(server, type_) for type_ in sorted(resource_types(release))],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }


def _resource(server: Server, type_: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": type_,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
    }
    known = [each for each in parameters(server.release, type_).values() if each.code != "_in"]
    references = [f"{type_}:{each.code}" for each in known if each.kind == "reference" and each.code != "_profile"]
    if references:
        found["searchInclude"] = references
    found["searchParam"] = [{"name": each.code, "definition": each.definition.url, "type": each.kind} for each in known]
    own = [
        {"name": operation.code, "definition": operation.canonical(server.base)}
        for operation in operations.OPERATIONS
        if operation.types is None or type_ in operation.types
    ]
    if own:
        found["operation"] = own
    return found
