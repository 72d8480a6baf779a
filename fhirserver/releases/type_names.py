"""Resource types that have another name in the other release.

https://hl7.org/fhir/R5/diff.html
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

R4_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "AdministrableProductDefinition": "MedicinalProductPharmaceutical",
        "DeviceUsage": "DeviceUseStatement",
        "Ingredient": "MedicinalProductIngredient",
        "ManufacturedItemDefinition": "MedicinalProductManufactured",
        "MedicinalProductDefinition": "MedicinalProduct",
        "PackagedProductDefinition": "MedicinalProductPackaged",
        "RegulatedAuthorization": "MedicinalProductAuthorization",
        "RequestOrchestration": "RequestGroup",
        "SubstanceDefinition": "SubstanceSpecification",
    }
)
"""R5's name → R4's."""
R5_TYPES: Mapping[str, str] = MappingProxyType({other: name for name, other in R4_TYPES.items()})
"""R4's name → R5's."""
