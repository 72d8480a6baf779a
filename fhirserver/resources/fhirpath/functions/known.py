"""All functions by name.

https://hl7.org/fhirpath/N1/#functions
"""

from __future__ import annotations

from types import MappingProxyType

from fhirserver.resources.fhirpath.functions.aggregates import AGGREGATES
from fhirserver.resources.fhirpath.functions.collections import COLLECTIONS
from fhirserver.resources.fhirpath.functions.conversions import CONVERSIONS
from fhirserver.resources.fhirpath.functions.existence import EXISTENCE
from fhirserver.resources.fhirpath.functions.fhir import FHIR
from fhirserver.resources.fhirpath.functions.patterns import PATTERNS
from fhirserver.resources.fhirpath.functions.strings import STRINGS
from fhirserver.resources.fhirpath.functions.table import Table

FUNCTIONS: Table = MappingProxyType(
    {**EXISTENCE, **COLLECTIONS, **AGGREGATES, **STRINGS, **PATTERNS, **CONVERSIONS, **FHIR}
)
