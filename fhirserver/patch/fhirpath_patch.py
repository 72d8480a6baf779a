"""FHIRPath Patch: add, insert, delete, replace and move, read from a Parameters resource and carried out.

https://hl7.org/fhir/R5/fhirpatch.html
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fhirserver.errors import BadRequest, FhirError, Malformed, TooCostly, TooLarge, Unprocessable
from fhirserver.fhirjson import Resource
from fhirserver.patch import operations
from fhirserver.patch.operations import Add, Delete, Insert, Kind, Move, Replace
from fhirserver.patch.paths import path
from fhirserver.patch.values import Given, given
from fhirserver.resources.registry import Release
from fhirserver.resources.validation import check

MOST = 1_000
"""Operations in one patch."""
MOST_SECONDS = 10.0
"""Time for all operations of a patch: each may have to look at every member of a large Group."""

_PARTS: Mapping[str, tuple[str, ...]] = {
    "add": ("path", "name", "value"),
    "insert": ("path", "value", "index"),
    "delete": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "source", "destination"),
}
_TEXT = ("valueString", "valueCode", "valueId", "valueMarkdown")
_NUMBER = ("valueInteger", "valueUnsignedInt", "valuePositiveInt")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, and how a sentence names it."""

    at: int
    name: str
    kind: Kind

    @property
    def where(self) -> str:
        """Its FHIRPath in the patch."""
        return f"Parameters.parameter[{self.at}]"


def read(release: Release, parameters: Any) -> tuple[Operation, ...]:
    """The operations of a Parameters resource; Malformed, BadRequest or Unprocessable when it is no such patch."""
    if not isinstance(parameters, dict) or parameters.get("resourceType") != "Parameters":
        raise Malformed(
            "A FHIRPath Patch is a Parameters resource: send one, or a JSON Patch with Content-Type: "
            "application/json-patch+json."
        )
    check(release, parameters, "structure")
    listed = parameters.get("parameter", [])
    if len(listed) > MOST:
        raise TooLarge(f"The patch has {len(listed)} operations, this server takes {MOST}: send several patches.")
    return tuple(_operation(release, at, parameter) for at, parameter in enumerate(listed))


def _operation(release: Release, at: int, parameter: Mapping[str, Any]) -> Operation:
    where = f"Parameters.parameter[{at}]"
    if parameter.get("name") != "operation":
        raise BadRequest(
            f"The parameter '{str(parameter.get('name'))[:64]}' is none of a FHIRPath Patch: each is an 'operation'.",
            expression=f"{where}.name",
        )
    parts: dict[str, Mapping[str, Any]] = {}
    places: dict[str, str] = {}
    for number, part in enumerate(parameter.get("part", [])):
        place, name = f"{where}.part[{number}]", str(part.get("name"))
        if name in parts:
            raise BadRequest(f"Operation [{at}] has '{name[:64]}' twice: give it once.", expression=place)
        parts[name], places[name] = part, place
    kind = _primitive(parts.get("type", {}), _TEXT)
    if kind not in _PARTS:
        raise BadRequest(
            f"Operation [{at}] has no 'type' that is known: give a valueCode of {', '.join(_PARTS)}.",
            expression=places.get("type", where),
            code="value" if "type" in parts else "required",
        )
    for name in parts.keys() - {"type", *_PARTS[kind]}:
        raise BadRequest(
            f"Operation [{at}] ({kind}) takes {', '.join(_PARTS[kind])}, not '{name[:64]}': leave that out.",
            expression=places[name],
        )
    for name in _PARTS[kind]:
        if name not in parts:
            raise BadRequest(f"Operation [{at}] ({kind}) has no '{name}': add it.", expression=where, code="required")
    text = _typed(at, "path", parts["path"], places["path"], _TEXT)
    named = f"Operation [{at}] ({kind} '{text[:80]}')"
    try:
        return Operation(at, named, _kind(release, at, kind, text, parts, places))
    except FhirError as error:
        raise _explained(error, named, places["path"]) from None


def _kind(
    release: Release,
    at: int,
    kind: str,
    text: str,
    parts: Mapping[str, Mapping[str, Any]],
    places: Mapping[str, str],
) -> Kind:
    def value() -> Given:
        return given(release, parts["value"], places["value"])

    def number(name: str) -> int:
        return int(_typed(at, name, parts[name], places[name], _NUMBER))

    where = path(text)
    match kind:
        case "add":
            name = _typed(at, "name", parts["name"], places["name"], _TEXT)
            return Add(where, name, value(), places["value"])
        case "insert":
            return Insert(where, number("index"), value(), places["value"])
        case "replace":
            return Replace(where, value(), places["value"])
        case "move":
            return Move(where, number("source"), number("destination"))
        case _:
            return Delete(where)


def _typed(at: int, name: str, part: Mapping[str, Any], where: str, keys: Sequence[str]) -> Any:
    found = _primitive(part, keys)
    if found is None:
        raise BadRequest(f"Operation [{at}]: give '{name}' as {keys[0]}.", expression=where, code="value")
    return found


def _primitive(part: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((part[key] for key in keys if key in part), None)


def apply(release: Release, every: Sequence[Operation], resource: Resource) -> Resource:
    """Carries out the operations in their order; `resource` is changed. Unprocessable when one cannot be done.

    All or nothing is up to the caller, who has the resource as it was.
    """
    end = time.monotonic() + MOST_SECONDS
    for operation in every:
        if time.monotonic() > end:
            raise TooCostly(
                f"{operation.name} is not reached in {MOST_SECONDS:.0f} seconds: send several patches, or name "
                "elements by their index.",
                expression=operation.where,
            )
        try:
            operations.apply(release, operation.kind, resource)
        except FhirError as error:
            raise _explained(error, operation.name, operation.where) from None
    return resource


def _explained(error: FhirError, name: str, where: str) -> FhirError:
    """The refusal with the operation's name before its sentence, and its place where it has none."""
    said = [
        replace(issue, diagnostics=f"{name}: {issue.diagnostics}", expression=issue.expression or (where,))
        for issue in error.issues
    ]
    kind = type(error) if isinstance(error, (BadRequest, Malformed, TooLarge)) else Unprocessable
    return kind(said, headers=error.headers)
