"""ClinicalTrials.gov API v2: the record is rebuilt from the JSON of its Bundle, and compared leaf by leaf.

A leaf counts as kept where the very same value stands at the very same path, positions in lists included.
"""

from __future__ import annotations

from typing import Any

from fhirserver.fhirjson import dumps, loads
from fhirserver.mappers.back import rebuilt_bundle
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.trial import Reading
from fidelity.leaves import leaves, pattern
from fidelity.measured import Measured


def measure(record: str, data: bytes, reading: Reading) -> Measured:
    """What the way back makes of one record."""
    bundle, _ = transaction(reading)
    back = dict(leaves(rebuilt_bundle(loads(dumps(bundle)))))
    found = Measured(reading.format, records=1)
    for path, said in leaves(loads(data)):
        given = back.pop(path, None)
        place = pattern(path)
        kept = _same(said, given)
        found.leaf(_module(path), place, kept)
        if not kept:
            found.example(place, record, said, given)
    for path, given in back.items():
        place = pattern(path)
        found.added[place] += 1
        found.example(f"+{place}", record, "nothing", given)
    return found


def _same(said: Any, given: Any) -> bool:
    """Equal and of one kind: true is not 1."""
    return bool(said == given) and isinstance(said, bool) == isinstance(given, bool)


def _module(path: str) -> str:
    return ".".join(path.split(".")[:2])
