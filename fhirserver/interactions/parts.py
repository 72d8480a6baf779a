"""_summary and _elements on what is not a search: one version, or the Bundle that an operation returns.

https://hl7.org/fhir/R5/http.html#parameters
"""

from __future__ import annotations

from msgspec import structs

from fhirserver import fhirjson
from fhirserver.errors import BadRequest
from fhirserver.fhirjson import Resource
from fhirserver.interactions.paging import Params
from fhirserver.interactions.server import Server
from fhirserver.resources import subsets
from fhirserver.resources.subsets import Subset
from fhirserver.store.documents import Version


def part_of(server: Server, version: Version, params: Params) -> Version:
    """The version with that part of its body that is asked for; BadRequest for a value that neither parameter takes."""
    subset = _asked(server, params, version.type)
    return version if subset is None else structs.replace(version, body=subset.of(version.body))


def part_of_answer(server: Server, value: Resource | bytes, params: Params) -> Resource | bytes:
    """What an operation returns, or the part asked for; of a Bundle each resource in it."""
    subset = _asked(server, params, None)
    if subset is None:
        return value
    resource: Resource = fhirjson.loads(value) if isinstance(value, bytes) else value
    if resource["resourceType"] != "Bundle":
        return subset.part(resource)
    entries = [
        entry | {"resource": subset.part(entry["resource"], included=_mode(entry) != "match")}
        if "resource" in entry and _mode(entry) != "outcome"
        else entry
        for entry in resource.get("entry", ())
    ]
    return resource | {"entry": entries} if entries else resource


def _mode(entry: Resource) -> str:
    mode: str = entry.get("search", {}).get("mode", "match")
    return mode


def _asked(server: Server, params: Params, type_: str | None) -> Subset | None:
    asked = [(name, value) for name, value in params if name in subsets.PARAMETERS]
    if ("_summary", "count") in asked:
        raise BadRequest(
            "'_summary=count' is for searches: here it is true, text, data or false.",
            expression="_summary",
            code="value",
        )
    return subsets.parse(server.release, asked, type_) if asked else None
