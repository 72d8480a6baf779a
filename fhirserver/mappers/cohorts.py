"""The cohorts of a population as Groups, each with limits of its own, that the eligibility Group names.

https://hl7.org/fhir/R5/group.html
"""

from __future__ import annotations

from typing import Any

from fhirserver.errors import Issue
from fhirserver.mappers.group import limits
from fhirserver.mappers.identity import identifier, reference
from fhirserver.mappers.naming import Naming
from fhirserver.mappers.narrative import narrative
from fhirserver.mappers.protocol_keys import Keys
from fhirserver.mappers.protocol_parts import Cohort, Protocol

Resource = dict[str, Any]


def cohorts(protocol: Protocol, names: Naming, keys: Keys, issues: list[Issue]) -> list[Resource]:
    """One definitional Group a cohort."""
    return [_cohort(one, names, keys, issues) for one in protocol.cohorts]


def characteristics(protocol: Protocol, keys: Keys) -> list[Resource]:
    """What the eligibility Group says of its cohorts."""
    return [
        {
            "code": {"text": "Cohort"},
            "valueReference": reference("Group", keys.cohorts[one.named.key], one.named.title),
            "exclude": False,
        }
        for one in protocol.cohorts
    ]


def _cohort(one: Cohort, names: Naming, keys: Keys, issues: list[Issue]) -> Resource:
    id_ = keys.cohorts[one.named.key]
    said = [one.named.name if one.named.label else None, one.named.description]
    said += [f"Planned to complete: {one.completing}" if one.completing is not None else None, *one.named.notes]
    description = "\n".join(part for part in said if part)
    found: Resource = {
        "resourceType": "Group",
        "id": id_,
        "text": narrative(f"{one.named.title} of {names.stem}", [("Description", description or None)]),
        "identifier": [identifier("Group", id_)],
        "active": True,
        "type": "person",
        "membership": "definitional",
        "name": one.named.title,
    }
    if description:
        found["description"] = description
    if one.planned is not None:
        found["quantity"] = one.planned
    if limits_ := limits(one.eligibility, issues):
        found["characteristic"] = limits_
    return found
