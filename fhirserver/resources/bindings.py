"""Required bindings: the code, Coding or concept must come from the value set.

https://hl7.org/fhir/R5/terminologies.html#required. Value sets whose content is open (languages, media types,
currencies) are checked by their syntax.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fhirserver.resources.findings import Check, Findings, one, shown
from fhirserver.resources.registry import Release, codes, valueset

_FEW = 16

_OPEN: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "http://hl7.org/fhir/ValueSet/all-languages": (
            r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*|[xi](?:-[A-Za-z0-9]{1,8})+",
            "a BCP 47 language tag such as en or de-CH",
        ),
        "http://hl7.org/fhir/ValueSet/mimetypes": (
            r"[^\s/;,]+(?:/[^\s/;,]+)?(?:\s*;[^\x00-\x1f]+)?",
            "a media type such as text/plain",
        ),
        "http://hl7.org/fhir/ValueSet/currencies": (r"[A-Z]{3}", "an ISO 4217 code such as EUR"),
    }
)


def _near(allowed: frozenset[str]) -> str:
    if len(allowed) <= _FEW:
        return f"use one of {', '.join(sorted(allowed))}"
    return "use one of its codes"


def bound_code(release: Release, url: str) -> Check | None:
    """The check of a code's binding; None where nothing can be said."""
    allowed = codes(release, url)
    name = url.rsplit("/", 1)[-1]
    if allowed is None:
        if url not in _OPEN:
            return None
        pattern, description = _OPEN[url]
        match = re.compile(pattern).fullmatch

        def check_syntax(value: Any) -> Findings | None:
            if type(value) is not str or match(value):
                return None
            return one("code-invalid", f"{shown(value)} is not {description}.")

        return check_syntax

    def check(value: Any) -> Findings | None:
        if value in allowed or type(value) is not str:
            return None
        return one("code-invalid", f"{shown(value)} is not in the value set '{name}' ({url}): {_near(allowed)}.")

    return check


def _member(allowed: Mapping[str, frozenset[str]], coding: Any) -> bool:
    return (
        type(coding) is dict
        and type(system := coding.get("system")) is str
        and type(code := coding.get("code")) is str
        and code in allowed.get(system, ())
    )


def bound_coding(release: Release, url: str) -> Check | None:
    """The check of a Coding's binding."""
    allowed = valueset(release, url)
    if allowed is None:
        return None
    remedy = _remedy(url, allowed)

    def check(value: Any) -> Findings | None:
        if type(value) is not dict or _member(allowed, value):
            return None
        if "code" not in value and "extension" in value:
            return None
        return one("code-invalid", f"{_said(value)} is not in the value set: {remedy}.")

    return check


def bound_concept(release: Release, url: str) -> Check | None:
    """The check of a CodeableConcept's binding: at least one coding comes from the value set."""
    allowed = valueset(release, url)
    if allowed is None:
        return None
    remedy = _remedy(url, allowed)

    def check(value: Any) -> Findings | None:
        if type(value) is not dict:
            return None
        codings = value.get("coding")
        if type(codings) is list and any(_member(allowed, coding) for coding in codings):
            return None
        if not codings and "extension" in value:
            return None
        said = _said(codings[0]) if type(codings) is list and codings else "A concept without a coding"
        return one("code-invalid", f"{said} is not in the value set: {remedy}.")

    return check


def _said(coding: Any) -> str:
    if type(coding) is not dict:
        return shown(coding)
    return f"{shown(coding.get('code'))} of system {shown(coding.get('system'))}"


def _remedy(url: str, allowed: Mapping[str, frozenset[str]]) -> str:
    listed = [f"{system} ({', '.join(sorted(members))})" for system, members in allowed.items() if len(members) <= _FEW]
    if len(listed) == len(allowed) == 1:
        return f"'{url}' needs at least one coding of {listed[0]}"
    systems = ", ".join(sorted(allowed))
    return f"'{url}' needs at least one coding of {systems}"


def bound_reference(release: Release, url: str) -> Check | None:
    """The check of a CodeableReference's binding, which is on its concept."""
    concept = bound_concept(release, url)
    if concept is None:
        return None

    def check(value: Any) -> Findings | None:
        if type(value) is dict and "concept" in value:
            found = concept(value["concept"])
            return None if found is None else [f._replace(path=".concept" + f.path) for f in found]
        return None

    return check


def binding(release: Release, type_: str, url: str) -> Check | None:
    """The check of a required binding on an element of this type; None where there is nothing to check."""
    match type_:
        case "code" | "string" | "uri":
            return bound_code(release, url)
        case "Coding":
            return bound_coding(release, url)
        case "CodeableConcept":
            return bound_concept(release, url)
        case "CodeableReference":
            return bound_reference(release, url)
        case _:
            return None
