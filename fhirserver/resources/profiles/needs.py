"""What a definition refers to, so that it can be looked up before it is compiled.

https://hl7.org/fhir/R5/elementdefinition.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from fhirserver.fhirjson import Resource
from fhirserver.resources.profiles.coded import MAXIMUM
from fhirserver.resources.profiles.snapshot import elements
from fhirserver.resources.profiles.types import is_base
from fhirserver.resources.registry import Release

Kind = Literal["StructureDefinition", "ValueSet"]

Need = tuple[Kind, str]
"""A type and a canonical, with |version or without."""


def needs(release: Release, definition: Resource) -> frozenset[Need]:
    """The profiles and value sets that a StructureDefinition names."""
    return frozenset(_of_profile(release, definition))


def _of_profile(release: Release, definition: Resource) -> Iterator[Need]:
    if definition.get("derivation") != "constraint":
        return
    for row in elements(definition):
        for type_ in row.get("type", ()):
            for canonical in (*type_.get("profile", ()), *type_.get("targetProfile", ())):
                if isinstance(canonical, str) and not is_base(release, canonical):
                    yield "StructureDefinition", canonical
        binding = row.get("binding")
        if isinstance(binding, dict):
            yield from _of_binding(binding)


def _of_binding(binding: Mapping[str, Any]) -> Iterator[Need]:
    named = [binding.get("valueSet")] if binding.get("strength") in ("required", "extensible") else []
    named += [row.get("valueSet") for row in binding.get("additional", ())]
    for extension in binding.get("extension", ()):
        if extension.get("url") == MAXIMUM:
            named.append(extension.get("valueCanonical") or extension.get("valueUri"))
    for canonical in named:
        if isinstance(canonical, str):
            yield "ValueSet", canonical
