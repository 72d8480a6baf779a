"""Parameters whose meaning is their own, and that this server refuses rather than ignores.

https://hl7.org/fhir/R5/search.html#special
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fhirserver.errors import NotSupported

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "_content": "search the fields by their own parameters, strings with ':contains'",
        "_text": "search the fields by their own parameters, strings with ':contains'",
        "_filter": "write the criteria as separate parameters",
        "_query": "this server has no named queries",
        "_list": "read the List and search by '_id'",
        "_in": "read the List or Group and search by '_id'",
        "_type": "search one type at a time",
        "_contained": "contained resources are returned with the resource that contains them",
        "_containedType": "contained resources are returned with the resource that contains them",
    }
)


def refuse(code: str, given: str) -> NotSupported:
    """The refusal of a special parameter."""
    remedy = REFUSED.get(code, "leave it out")
    return NotSupported(f"'{code}' is not supported by this server: {remedy}.", expression=given)
