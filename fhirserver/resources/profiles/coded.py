"""Bindings of a profile: the code, Coding, concept or unit comes from a value set that is loaded.

https://hl7.org/fhir/R5/terminologies.html#strength. A required binding refuses, an extensible one warns; of the others
nothing follows for an instance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fhirserver.errors import Severity
from fhirserver.resources.bindings import binding
from fhirserver.resources.findings import Finding, Findings, shown
from fhirserver.resources.profiles.codes import Codes, Find
from fhirserver.resources.profiles.run import Check, Item, Note, Notes, Run
from fhirserver.resources.profiles.snapshot import Node
from fhirserver.resources.registry import Release, valueset

MAXIMUM = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
Strength = Literal["required", "extensible"]


def bindings(release: Release, node: Node, own: str | None, find: Find, notes: Notes) -> list[Check]:
    """The checks of an element's bindings; `own` is the value set that the base type requires already."""
    row = node.definition.get("binding")
    if not isinstance(row, dict):
        return []
    checks = []
    for strength, url in _asked(row, node.path, notes):
        if own is not None and url.partition("|")[0] == own:
            continue
        found = known(release, find, url)
        if found is not None:
            checks.append(_bound(url, found, strength))
            if found.open:
                why = " ".join(sorted(set(found.reasons)))
                notes.append(Note(node.path, f"Whether a code is in '{url}' cannot always be told: {why}"))
        elif strength == "required":
            checks += _by_syntax(release, node, url, notes)
        else:
            notes.append(Note(node.path, f"The extensible binding to '{url}' is not checked: it is not loaded."))
    return checks


def known(release: Release, find: Find, url: str) -> Codes | None:
    """A value set that is loaded, else one of the release's own that the base types require."""
    found = find(url)
    if found is None and (codes := valueset(release, url.partition("|")[0])) is not None:
        found = Codes(codes)
    return found


def _asked(row: Mapping[str, Any], path: str, notes: Notes) -> list[tuple[Strength, str]]:
    """Strength and value set of all that must be kept."""
    asked: list[tuple[Strength, str]] = []
    url, strength = row.get("valueSet"), row.get("strength")
    if strength in ("required", "extensible"):
        if isinstance(url, str):
            asked.append((strength, url))
        elif strength == "required":
            notes.append(Note(path, "The required binding names no value set: it is not checked."))
    for extension in row.get("extension", ()):
        most = extension.get("valueCanonical") or extension.get("valueUri")
        if extension.get("url") == MAXIMUM and isinstance(most, str):
            asked.append(("required", most))
    for more in row.get("additional", ()):
        if more.get("purpose") not in ("required", "maximum"):
            continue
        if more.get("usage") or more.get("any") is True or not isinstance(more.get("valueSet"), str):
            notes.append(Note(path, "An additional binding that depends on the context is not checked."))
        else:
            asked.append(("required", more["valueSet"]))
    return asked


def _by_syntax(release: Release, node: Node, url: str, notes: Notes) -> list[Check]:
    """Value sets of the base that are checked by syntax; for all else a note."""
    checks: dict[str, Any] = {}
    for type_ in node.types:
        if (found := binding(release, type_.code, url.partition("|")[0])) is not None:
            checks[type_.code] = found
    if not checks:
        notes.append(Note(node.path, f"The required binding to '{url}' is not checked: it is not loaded."))
        return []

    def check(_run: Run, item: Item) -> Findings | None:
        one = checks.get(item.type)
        return one(item.value) if one else None

    return [check]


def member(codes: Codes, item: Item) -> bool | None:
    """Whether a coded item has a code of the set; None when that cannot be known, or when it has no code to judge."""
    value = item.value
    if isinstance(value, str):
        return codes.has(None, value)
    if type(value) is not dict:
        return None
    match item.type:
        case "CodeableConcept":
            return _any(codes, value)
        case "CodeableReference":
            return _any(codes, value["concept"]) if isinstance(value.get("concept"), dict) else None
        case "Coding":
            return _coding(codes, value)
        case _:
            # Of a quantity the binding is on the unit, which need not be coded unless the profile says so.
            return _coding(codes, value) if "code" in value else None


def _any(codes: Codes, concept: Mapping[str, Any]) -> bool | None:
    codings: Sequence[Any] = concept.get("coding", ())
    if not codings and "extension" in concept:
        return None
    judged = [_coding(codes, one) for one in codings if isinstance(one, dict)]
    return True if True in judged else None if None in judged else False


def _coding(codes: Codes, coding: Mapping[str, Any]) -> bool | None:
    system, code = coding.get("system"), coding.get("code")
    if not isinstance(code, str):
        return None if "extension" in coding or "_code" in coding else False
    if not isinstance(system, str):
        return None if "_system" in coding else False
    return codes.has(system, code)


def _bound(url: str, codes: Codes, strength: Strength) -> Check:
    severity: Severity = "error" if strength == "required" else "warning"
    few = [f"{system or 'any system'}: {', '.join(sorted(each))}" for system, each in codes.known.items()]
    remedy = "; ".join(few) if sum(map(len, codes.known.values())) <= 16 and few else "take one of its codes"

    def check(run: Run, item: Item) -> Findings | None:
        if severity == "warning" and not run.warnings:
            return None
        if member(codes, item) is not False:
            return None
        hint = f"{_said(item)} is not in the value set '{url}'"
        if severity == "warning":
            return [
                Finding("", "code-invalid", f"{hint}, which is to be used wherever it has a fitting code.", severity)
            ]
        return [Finding("", "code-invalid", f"{hint}: {remedy}.", severity)]

    return check


def _said(item: Item) -> str:
    value = item.value
    if item.type == "CodeableReference":
        value = value["concept"]
    if type(value) is dict and item.type in ("CodeableConcept", "CodeableReference"):
        codings = value.get("coding")
        if not codings:
            return "A concept without a coding"
        value = codings[0]
    if type(value) is dict:
        return f"{shown(value.get('code'))} of system {shown(value.get('system'))}"
    return shown(value)
