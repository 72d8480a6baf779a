"""The modules of the protocol section, in the registry's order.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#ProtocolSection
"""

from __future__ import annotations

from collections.abc import Callable

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back import (
    arms,
    contacts,
    description,
    design,
    eligibility,
    identification,
    parties,
    references,
    status,
)
from fhirserver.mappers.back.gathered import Gathered

PROTOCOL: dict[str, Callable[[Gathered], Resource]] = {
    "identificationModule": identification.module,
    "statusModule": status.module,
    "sponsorCollaboratorsModule": parties.module,
    "oversightModule": design.oversight,
    "descriptionModule": description.module,
    "conditionsModule": description.conditions,
    "designModule": design.module,
    "armsInterventionsModule": arms.module,
    "outcomesModule": arms.outcomes,
    "eligibilityModule": eligibility.module,
    "contactsLocationsModule": contacts.module,
    "referencesModule": references.module,
    "ipdSharingStatementModule": references.sharing,
}
