"""What has to be loaded before a value set can be worked out.

https://hl7.org/fhir/R5/valueset.html#compositions
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from fhirserver.fhirjson import Resource
from fhirserver.terminology.contents import AS_LOADED, Versions

Kind = Literal["CodeSystem", "ValueSet", "Supplement"]
Need = tuple[Kind, str]
"""A type and a canonical, with |version or without; of a Supplement, that of the code system which it adds to."""

SUPPLEMENT = "http://hl7.org/fhir/StructureDefinition/valueset-supplement"


def needs(valueset: Resource, versions: Versions = AS_LOADED) -> Iterator[Need]:
    """The code systems, value sets and supplements that a value set names."""
    compose = valueset.get("compose")
    rows = compose if isinstance(compose, dict) else {}
    for row in (*rows.get("include", ()), *rows.get("exclude", ())):
        for canonical in row.get("valueSet", ()):
            if isinstance(canonical, str) and not canonical.startswith("#"):
                yield "ValueSet", canonical
        system = row.get("system")
        if isinstance(system, str):
            version = versions.of(system, row.get("version"))
            yield "CodeSystem", f"{system}|{version}" if version else system
    for inner in valueset.get("contained", ()):
        if inner.get("resourceType") == "ValueSet":
            yield from needs(inner, versions)
    for extension in valueset.get("extension", ()):
        if extension.get("url") == SUPPLEMENT and isinstance(extension.get("valueCanonical"), str):
            yield "CodeSystem", extension["valueCanonical"]
    yield from _of_expansion(valueset)


def _of_expansion(valueset: Resource) -> Iterator[Need]:
    """The systems of an expansion that stands alone: whether their codes compare by case is theirs to say."""
    if "compose" in valueset:
        return
    todo = list((valueset.get("expansion") or {}).get("contains", ()))
    systems: dict[str, None] = {}
    while todo:
        row = todo.pop()
        todo += row.get("contains", ())
        if isinstance(row.get("system"), str):
            systems[row["system"]] = None
    for system in systems:
        yield "CodeSystem", system
