"""The search parameters of a type by the names that a base of one release asks for.

What R4 calls 'individual' is stored as R5's 'subject': names are resolved where a search is read, and nowhere else.
https://hl7.org/fhir/R4/researchsubject.html#search
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from fhirserver.resources.registry import Release, has_lens
from fhirserver.search.added import Additions, additions
from fhirserver.search.parameters import Parameter, equal, of_release, parameters, viewed


def named(release: Release, type_: str) -> Mapping[str, Parameter]:
    """Name in a release → parameter, whose `code` is what the index knows it by."""
    if not has_lens(type_):
        return parameters(release, type_)
    return _named(release, type_, additions(release, type_))


@lru_cache(1024)
def _named(release: Release, type_: str, _more: Additions | None) -> Mapping[str, Parameter]:
    every = parameters(release, type_)
    prefix = viewed("")
    if release == "R5":
        return {code: each for code, each in every.items() if not code.startswith(prefix)}
    found = {code.removeprefix(prefix): each for code, each in every.items() if code.startswith(prefix)}
    for code, each in of_release(release, type_).items():
        there = equal(type_).get(code)
        if there is not None:
            found[code] = every[there] if there == code else replace(every[there], name=code)
        elif each.definition.own is not None:
            found[code] = each  # asked by way of other parameters, and never stored itself
    return found


def name_of(release: Release, parameter: Parameter) -> str:
    """What a release calls a parameter that it has."""
    for name, each in named(release, parameter.base).items():
        if each.code == parameter.code:
            return name
    return parameter.code
