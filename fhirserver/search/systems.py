"""Identifier systems that are written in several ways, each with the one way that searches compare.

ClinicalTrials.gov's own FHIR output, registries and sponsors disagree on scheme, host and final slash.
https://terminology.hl7.org/NamingSystem-NCT.html
"""

from __future__ import annotations

from types import MappingProxyType

_FAMILIES = {"http://clinicaltrials.gov": ("clinicaltrials.gov", "www.clinicaltrials.gov", "ClinicalTrials.gov")}

ALIASES = MappingProxyType(
    {
        f"{scheme}://{host}{tail}": system
        for system, hosts in _FAMILIES.items()
        for host in hosts
        for scheme in ("http", "https")
        for tail in ("", "/")
    }
    | {"urn:oid:2.16.840.1.113883.3.1077": "http://clinicaltrials.gov"}
)


def same(system: str) -> str:
    """The system that stands for all spellings of `system`."""
    return ALIASES.get(system, system)
