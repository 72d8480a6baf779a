"""Values of the server's own parameters that no expression finds: worked out of a resource when it is indexed.

docs/research-search.md tells what each means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any

from fhirserver.resources import group, research_study
from fhirserver.resources.registry import Release
from fhirserver.search.paths import Branch, Branches, Compute

Json = dict[str, Any]
Values = Callable[[Release, Json], list[Any]]


def _ages(_: Release, resource: Json) -> list[Any]:
    """Ranges of minutes."""
    facts = group.admitted(resource)
    return [_range(low, high) for low, high in (facts.ages if facts and facts.ages else ())]


def _range(low: Decimal, high: Decimal | None) -> Json:
    return {"low": {"value": low}, **({} if high is None else {"high": {"value": high}})}


def _sexes(_: Release, resource: Json) -> list[Any]:
    facts = group.admitted(resource)
    return [{"system": group.GENDER, "code": sex} for sex in (facts.sexes if facts and facts.sexes else ())]


def _healthy(_: Release, resource: Json) -> list[Any]:
    facts = group.admitted(resource)
    return [facts.healthy] if facts and facts.healthy is not None else []


def _recruiting(release: Release, resource: Json) -> list[Any]:
    """Periods of days."""
    if release == "R4":
        found: list[tuple[str | None, str | None]] = [(None, None)] if resource.get("status") == "active" else []
    else:
        found = research_study.accruing(resource)
    # A Period without both ends would say nothing.
    return [{"start": first or "0001-01-01", **({"end": last} if last else {})} for first, last in found]


_MADE: Mapping[tuple[str, str], tuple[str, Values]] = MappingProxyType(
    {
        ("Group", "admits-age"): ("Range", _ages),
        ("Group", "admits-sex"): ("Coding", _sexes),
        ("Group", "admits-healthy"): ("boolean", _healthy),
        ("ResearchStudy", "recruiting"): ("Period", _recruiting),
    }
)


def branches(release: Release, type_: str, code: str) -> Branches:
    """What leads to the values of a parameter."""
    of, values = _MADE[type_, code]
    return (Branch((Compute(partial(_all, release, values)),), of),)


def _all(release: Release, values: Values, items: list[Any], _: Json) -> list[Any]:
    return [value for item in items for value in values(release, item)]
