"""JSON Patch: operations on the JSON of a resource, at places named by JSON Pointers.

https://www.rfc-editor.org/rfc/rfc6902, https://hl7.org/fhir/R5/http.html#patch
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import jsonpatch
from jsonpatch import JsonPointer, JsonPointerException

from fhirserver.errors import Malformed, TooLarge, Unprocessable
from fhirserver.fhirjson import Resource
from fhirserver.patch.pointers import Missing, fhirpath, missing

MOST = 10_000
"""Operations in one patch."""
MOST_COPIED = 200_000
"""Values that all `copy` operations of a patch may copy: each could double what the one before it made."""

_KINDS: Mapping[str, tuple[type[jsonpatch.PatchOperation], tuple[str, ...]]] = MappingProxyType(
    {
        "add": (jsonpatch.AddOperation, ("path", "value")),
        "remove": (jsonpatch.RemoveOperation, ("path",)),
        "replace": (jsonpatch.ReplaceOperation, ("path", "value")),
        "move": (jsonpatch.MoveOperation, ("from", "path")),
        "copy": (jsonpatch.CopyOperation, ("from", "path")),
        "test": (jsonpatch.TestOperation, ("path", "value")),
    }
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `applied` is the library's, `start` is where move and copy take from."""

    at: int
    kind: str
    path: JsonPointer
    start: JsonPointer | None
    applied: jsonpatch.PatchOperation

    @property
    def name(self) -> str:
        """How a sentence names it."""
        return f"Operation [{self.at}] ({self.kind} '{self.path.path[:80]}')"


def read(document: Any) -> tuple[Operation, ...]:
    """The operations of a decoded JSON Patch; Malformed when it is none."""
    if not isinstance(document, list):
        raise Malformed('A JSON Patch is an array of operations: send [{"op": …, "path": …}, …].')
    if len(document) > MOST:
        raise TooLarge(f"The patch has {len(document)} operations, this server takes {MOST}: send several patches.")
    return tuple(_operation(at, one) for at, one in enumerate(document))


def _operation(at: int, one: Any) -> Operation:
    if not isinstance(one, dict):
        raise Malformed(f"Operation [{at}] is no JSON object.")
    kind = one.get("op")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise Malformed(f"Operation [{at}] has no 'op' that is known: use {', '.join(_KINDS)}.", code="value")
    make, names = _KINDS[kind]
    for name in names:
        if name not in one:
            raise Malformed(f"Operation [{at}] ({kind}) has no '{name}': add it.", code="required")
    pointers = {name: _pointer(at, kind, name, one[name]) for name in names if name != "value"}
    # Members that the RFC does not define are to be ignored.
    applied = make({"op": kind, **{name: one[name] for name in names}})
    return Operation(at, kind, pointers["path"], pointers.get("from"), applied)


def _pointer(at: int, kind: str, name: str, text: Any) -> JsonPointer:
    try:
        if isinstance(text, str):
            return JsonPointer(text)
    except JsonPointerException:
        pass
    raise Malformed(
        f"Operation [{at}] ({kind}): '{name}' is no JSON Pointer: begin with '/', write ~1 for '/' and ~0 for '~' "
        "inside a name.",
        code="value",
    )


def apply(operations: Sequence[Operation], resource: Resource) -> Any:
    """The patched document, which need not be an object; `resource` is changed. Unprocessable when one cannot be done.

    All or nothing is up to the caller, who has the resource as it was.
    """
    document: Any = resource
    left = MOST_COPIED
    for operation in operations:
        if operation.kind == "copy":
            left -= _size(operation, document, left)
        # A move takes away before it puts, and may fail in between.
        absent = missing(document, operation.start) if operation.start is not None else None
        try:
            document = operation.applied.apply(document)
        except (jsonpatch.JsonPatchException, JsonPointerException, ValueError) as error:
            raise _refusal(operation, document, absent, resource.get("resourceType"), error) from None
    return document


def _size(operation: Operation, document: Any, most: int) -> int:
    """How many values a copy makes; TooLarge beyond `most`."""
    todo = [] if operation.start is None else [operation.start.resolve(document, None)]
    size = 0
    while todo:
        item = todo.pop()
        size += 1
        if size > most:
            raise TooLarge(f"{operation.name} copies too much: a patch may copy {MOST_COPIED:,} values.")
        if isinstance(item, dict):
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)
    return size


def _refusal(
    operation: Operation, document: Any, absent: Missing | None, root: object, error: Exception
) -> Unprocessable:
    """Why an operation could not be done, with the deepest place that is there."""
    type_ = root if isinstance(root, str) else "Resource"
    path, start = operation.path, operation.start
    if isinstance(error, jsonpatch.JsonPatchTestFailed):
        unmet = missing(document, path)
        told = unmet.sentence if unmet else "the value there is another one."
        return Unprocessable(
            f"{operation.name} does not hold: {told} Read the resource again before you patch it.",
            expression=fhirpath(type_, path.parts),
            code="conflict",
        )
    if absent is not None:
        where, told = absent, f"'from' leads nowhere, {absent.sentence}"
    elif operation.kind == "move" and start is not None and path != start and path.contains(start):
        return Unprocessable(f"{operation.name}: a value cannot be moved into itself.", expression=type_)
    elif found := missing(document, path, new=operation.kind in ("add", "move", "copy")):
        where, told = found, found.sentence
    else:
        return Unprocessable(f"{operation.name}: use DELETE for the whole resource.", expression=type_)
    return Unprocessable(f"{operation.name}: {told}", expression=fhirpath(type_, where.reached), code="not-found")
