"""From what a client sends to a change of a resource: the formats of a patch.

https://hl7.org/fhir/R5/http.html#patch, https://hl7.org/fhir/R5/http.html#3.2.0.6.2
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, FhirError, Malformed, UnsupportedMediaType
from fhirserver.fhirjson import Resource
from fhirserver.patch import fhirpath_patch, json_patch
from fhirserver.patch.guard import guarded
from fhirserver.resources.registry import Release
from fhirserver.resources.xml import from_xml

Change = Callable[[Resource], Resource]
"""Makes the patched resource of a resource, which stays as it was; raises Unprocessable when that cannot be done."""

JSON_PATCH = "application/json-patch+json"
FHIR_JSON = "application/fhir+json"
_JSON = frozenset({FHIR_JSON, "application/json", "text/json", "application/json+fhir"})
_PLAIN_JSON = frozenset({"application/json", "text/json"})
FHIR_XML = "application/fhir+xml"
_XML = frozenset({FHIR_XML, "application/xml", "text/xml", "application/xml+fhir"})
MEDIA_TYPES = (JSON_PATCH, FHIR_JSON, FHIR_XML)
"""What Accept-Patch and the CapabilityStatement name."""


def read(release: Release, media_type: str, body: bytes) -> Change:
    """The change that a request's body asks for: a JSON Patch, or a Parameters resource with a FHIRPath Patch."""
    if media_type == JSON_PATCH:
        return _json(fhirjson.loads_strict(body))
    if media_type in _JSON:
        value = fhirjson.loads_strict(body)
        if isinstance(value, list):
            if media_type not in _PLAIN_JSON:
                raise Malformed(f"An array is a JSON Patch: send it with Content-Type: {JSON_PATCH}.")
            return _json(value)
        return _fhirpath(release, value)
    if media_type in _XML:
        return _fhirpath(release, from_xml(release, body))
    raise unsupported(media_type)


def unsupported(media_type: str) -> UnsupportedMediaType:
    """The refusal of a format that is no patch here; Accept-Patch lists those that are."""
    return UnsupportedMediaType(
        f"A patch in '{media_type[:64]}' is not read here: send a JSON Patch as {JSON_PATCH}, or a FHIRPath Patch "
        f"(a Parameters resource) as {FHIR_JSON} or {FHIR_XML}.",
        expression="Content-Type",
        headers={"Accept-Patch": ", ".join(MEDIA_TYPES)},
    )


def from_resource(release: Release, resource: Resource) -> Change:
    """The change that a resource holds: Parameters with a FHIRPath Patch, or a Binary with a JSON Patch in it."""
    kind = resource.get("resourceType")
    if kind == "Parameters":
        return _fhirpath(release, resource)
    if kind != "Binary":
        raise BadRequest(
            f"A patch in a Bundle is a Parameters resource (FHIRPath Patch) or a Binary with contentType {JSON_PATCH}.",
            expression="Resource" if not isinstance(kind, str) else kind,
        )
    media_type, data = resource.get("contentType"), resource.get("data")
    if not isinstance(media_type, str) or not isinstance(data, str):
        raise Malformed("A Binary with a patch has contentType and data.", expression="Binary", code="required")
    if media_type.partition(";")[0].strip().lower() != JSON_PATCH:
        raise BadRequest(
            f"A Binary holds a JSON Patch: say contentType {JSON_PATCH}.", expression="Binary.contentType", code="value"
        )
    try:
        body = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("The data are no base64.", expression="Binary.data", code="value") from None
    try:
        inner = read(release, JSON_PATCH, body)
    except FhirError as error:
        raise _in_binary(error) from None

    def change(before: Resource) -> Resource:
        try:
            return inner(before)
        except FhirError as error:
            raise _in_binary(error) from None

    return change


def _in_binary(error: FhirError) -> FhirError:
    return type(error)([replace(issue, expression=("Binary.data",)) for issue in error.issues])


def _json(document: Any) -> Change:
    operations = json_patch.read(document)
    return lambda before: guarded(before, json_patch.apply(operations, _copy(before)))


def _fhirpath(release: Release, parameters: Any) -> Change:
    operations = fhirpath_patch.read(release, parameters)
    return lambda before: guarded(before, fhirpath_patch.apply(release, operations, _copy(before)))


def _copy(resource: Resource) -> Resource:
    # Through JSON, which is several times faster than copying it in Python.
    copied: Resource = fhirjson.loads(fhirjson.dumps(resource))
    return copied
