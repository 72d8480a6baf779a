"""What this server knows of terminologies: the code systems that are stored, and what can be asked about them.

https://hl7.org/fhir/R5/terminologycapabilities.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fhirserver.fhirjson import Resource
from fhirserver.interactions import terms
from fhirserver.interactions.server import Server
from fhirserver.interactions.terms_expand import EXPAND
from fhirserver.resources.registry import Release, codes, structure
from fhirserver.terminology.contents import standing

_MOST = 1000
"""Code systems that are listed; of more none is, for a list of some would say that there are no others."""

_FILTER = (
    "Every word of the filter must begin a word of the code, of its display or of one of its designations; case, "
    "accents and punctuation do not matter."
)
_SEARCH = "in-compose-or-expansion"


async def statement(server: Server, head: Resource) -> Resource:
    """The TerminologyCapabilities, as far as the release has elements for it; `head` is what all statements say."""
    stored = await terms.stored_systems(server, server.store, _MOST + 1)
    release = server.release
    rows = EXPAND.takes(release)
    found = {
        "name": "FhirserverTerminology",
        "title": "fhirserver: terminologies",
        "description": "Works with the code systems and value sets that are stored here"
        + (", more than can be listed." if len(stored) > _MOST else "."),
        "codeSystem": [] if len(stored) > _MOST else _systems(release, stored),
        "expansion": {
            "hierarchical": True,
            "paging": True,
            "incomplete": False,
            "parameter": [{"name": row.name, "documentation": row.documentation} for row in rows],
            "textFilter": _FILTER,
        },
        "validateCode": {"translations": True},
    }
    if _SEARCH in (codes(release, "http://hl7.org/fhir/ValueSet/code-search-support") or ()):
        found["codeSearch"] = _SEARCH
    made = {"resourceType": "TerminologyCapabilities"} | head | {name: value for name, value in found.items() if value}
    return _shaped(release, "TerminologyCapabilities", made)


def _systems(release: Release, stored: Sequence[Resource]) -> list[Resource]:
    """A row for each code system with its versions, the one that counts where none is named as the default."""
    by_url: dict[str, list[Resource]] = {}
    for told in stored:
        by_url.setdefault(told["url"], []).append(told)
    found = []
    for url, versions in sorted(by_url.items()):
        ordered = sorted(versions, key=standing, reverse=True)
        best = ordered[0]
        numbers = list(dict.fromkeys(told["version"] for told in ordered if "version" in told))
        row: Resource = {"uri": url}
        if numbers:
            row["version"] = [{"code": each, "isDefault": each == best.get("version")} for each in numbers]
        row["content"] = best.get("content")
        row["subsumption"] = best.get("hierarchyMeaning") == "is-a"
        found.append(_shaped(release, "TerminologyCapabilities.codeSystem", row))
    return found


def _shaped(release: Release, name: str, row: Mapping[str, Any]) -> Resource:
    """What the release has elements for."""
    shape = structure(release, name)
    known = shape.elements if shape is not None else {}
    return {key: value for key, value in row.items() if key in known or key == "resourceType"}
