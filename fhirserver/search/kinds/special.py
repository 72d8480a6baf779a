"""Parameters whose meaning is their own: those that are searched by, and those that are refused rather than ignored.

https://hl7.org/fhir/R5/search.html#special
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fhirserver.errors import NotSupported
from fhirserver.search.kinds import fulltext, near
from fhirserver.search.parameters import Parameter

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "_filter": "it takes no modifier",
        "_query": "this server has no named queries",
        "_list": "it takes no modifier",
        "_type": "the address names the type; for several leave it out, as in ?_type=Patient,Group",
    }
)

_REMEDIES: Mapping[str, str] = MappingProxyType({"contains": "search for places around a point with 'near'"})


def searches(parameter: Parameter) -> bool:
    """Whether a parameter of kind special can be searched by."""
    return fulltext.searches(parameter) or near.searches(parameter)


def refuse(code: str, given: str) -> NotSupported:
    """The refusal of a special parameter."""
    remedy = REFUSED.get(code) or _REMEDIES.get(code, "leave it out")
    return NotSupported(f"'{code}' is not supported by this server: {remedy}.", expression=given)
