"""FHIRPath Patches written shorter than FHIR writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]

_KEYS = {"type": "valueCode", "path": "valueString", "name": "valueString"}


def parameters(operations: Iterable[Mapping[str, Any]]) -> Json:
    """{"type": "add", "path": …, "value": {"valueDate": …}}, … as a Parameters resource."""
    listed = [{"name": "operation", "part": [_part(*part) for part in operation.items()]} for operation in operations]
    return {"resourceType": "Parameters", **({"parameter": listed} if listed else {})}


def _part(name: str, value: Any) -> Json:
    return {"name": name, **value} if name == "value" else {"name": name, _KEYS.get(name, "valueInteger"): value}
