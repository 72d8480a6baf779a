"""The formats that are measured: for each, by the name that its reader gives it, how a record of it is measured.

A further format is one module with a function `measure(record, data)`, and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fhirserver.mappers.trial import Reading
from fidelity.formats import ctgov_v2, ctgov_xml, searched
from fidelity.measured import Measured

Measure = Callable[[str, bytes, Reading], Measured]
"""Takes a record's name, its bytes and what was read of it."""

FORMATS: Mapping[str, Measure] = {
    "ctgov-v2": ctgov_v2.measure,
    "ctgov-xml": ctgov_xml.measure,
    "usdm": searched.measure,
    "ctis": searched.measure,
    "euctr": searched.measure,
    "isrctn": searched.measure,
}
