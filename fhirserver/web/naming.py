"""What logs and metrics call a request: FHIR's code of the interaction, and a resource type; a closed set of words.

https://hl7.org/fhir/R5/valueset-type-restful-interaction.html

Nothing a client made up gets into a name: an unknown type or operation is "other".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from fhirserver.interactions.operations import OPERATIONS
from fhirserver.resources.registry import Release, resource_types

OTHER = "other"

INTERACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "metadata": "capabilities",
        "read": "read",
        "vread": "vread",
        "history": "history",
        "search_type": "search-type",
        "search_post": "search-type",
        "search_system": "search-system",
        "search_system_post": "search-system",
        "search_compartment": "search-compartment",
        "search_compartment_post": "search-compartment",
        "search_all_compartment_post": "search-compartment",
        "create": "create",
        "update": "update",
        "update_matching": "update",
        "patch": "patch",
        "patch_matching": "patch",
        "delete": "delete",
        "delete_matching": "delete",
        "batch": "batch",
        "operation": "operation",
    }
)
"""The code of the interaction that a handler of the route table does, by the handler's name; of history its stem."""

ADDRESSES: Mapping[str, str] = MappingProxyType(
    {"": "page", "health": "health", "metrics": "metrics", "docs": "docs", "openapi.json": "openapi"}
)
"""What is answered beside the FHIR bases, by the first part of the path."""


@cache
def _operations() -> frozenset[str]:
    return frozenset(operation.code for operation in OPERATIONS)


def interaction(handler: str, parameters: Mapping[str, str]) -> str:
    """The code of the interaction; an operation's own code with its $."""
    name = INTERACTIONS.get(handler, OTHER)
    if name == "history":
        return f"history-{'instance' if 'id' in parameters else 'type' if 'type' in parameters else 'system'}"
    if name != "operation":
        return name
    code = parameters.get("operation", "")[1:]
    return f"${code}" if code in _operations() else f"${OTHER}"


def type_name(release: Release, parameters: Mapping[str, str]) -> str:
    """The resource type; empty where a request is about none."""
    type_ = parameters.get("type")
    return "" if type_ is None else type_ if type_ in resource_types(release) else OTHER
