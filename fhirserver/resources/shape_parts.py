"""Parts of a structure's check: single and repeated elements, nulls and their siblings, choices, extensions.

https://hl7.org/fhir/R5/json.html#primitive and https://hl7.org/fhir/R5/formats.html#choice
"""

from __future__ import annotations

from typing import Any

from fhirserver.resources.fhirpath.environment import Place
from fhirserver.resources.findings import LIMIT, DeepCheck, Finding, Findings, below, one
from fhirserver.resources.registry import Element

_PAIR = "pair"
"""Code of a finding that says: look at the array and its sibling '_name' together, see `settle`."""


def lone(element: Element, step: str, value: Any, findings: Findings) -> Findings:
    """What is wrong with an element that is not repeated; `step` is its FHIRPath."""
    if type(value) is list:
        return one("structure", f"'{element.name}' is not repeated: send one value, without an array.", step)
    if value is None:
        return one("structure", f"'{element.name}' is null: leave it out.", step)
    return below(step, findings)


def array(element: Element, step: str, single: DeepCheck, *, pair: bool, sibling: bool = False) -> DeepCheck:
    """The check of a repeated element: `pair` says that nulls may stand in it, `sibling` that it is the '_name'."""
    name, most = element.name, element.max

    def check(value: Any, place: Place) -> Findings | None:
        if type(value) is not list:
            return one("structure", f"'{name}' may be repeated: send an array, also for one value.", step)
        if not value:
            return one("structure", f"'{name}' is an empty array: leave it out.", step)
        if most is not None and len(value) > most:
            return one("invalid", f"'{name}' has at most {most} values.", step)
        findings: Findings | None = None
        nulls = sibling
        for at, item in enumerate(value):
            if item is None and pair:
                nulls = True
                continue
            bad = single(item, place)
            if bad is not None:
                findings = findings or []
                findings += below(f"{step}[{at}]", bad)
                if len(findings) > LIMIT:
                    break
        if nulls:
            findings = findings or []
            findings.append(Finding(step, _PAIR, name))
        return findings

    return check


def settle(value: dict[str, Any], findings: Findings) -> Findings | None:
    """Looks at arrays with nulls beside their siblings, as in "given": [null], "_given": [{"extension": …}]."""
    kept = [finding for finding in findings if finding.code != _PAIR]
    for step, name in {(f.path, f.sentence) for f in findings if f.code == _PAIR}:
        kept += _paired(step, name, value.get(name), value.get(f"_{name}"))
    return kept or None


def _paired(step: str, name: str, values: Any, siblings: Any) -> Findings:
    given = values if type(values) is list else []
    beside = siblings if type(siblings) is list else []
    if given and beside and len(given) != len(beside):
        return one("structure", f"'{name}' and '_{name}' differ in length: fill the shorter one with nulls.", step)
    found: Findings = []
    for at in range(max(len(given), len(beside))):
        if (not given or given[at] is None) and (not beside or beside[at] is None):
            found.append(
                Finding(f"{step}[{at}]", "structure", f"A null in '{name}' needs an extension in '_{name}' beside it.")
            )
            if len(found) > LIMIT:
                break
    return found


def choice(value: dict[str, Any], owner: str, head: str, names: tuple[str, ...], needed: bool) -> Findings | None:
    """At most one of the types of value[x], and one where it is required."""
    given = value.keys() & names
    if any(key[:1] == "_" for key in value):
        given |= {name for name in names if f"_{name}" in value}
    if len(given) == 1 or (not given and not needed):
        return None
    if not given:
        listed = ", ".join(names) if len(names) <= 12 else f"{names[0]}, {names[1]} …"
        return one("required", f"{owner}.{head} is required: add one of {listed}.", f".{head}")
    return one("invalid", f"Only one of {', '.join(sorted(given))} may be given: keep one.", f".{head}")


def extension(value: dict[str, Any]) -> Findings | None:
    """An extension has a value or extensions, https://hl7.org/fhir/R5/extensibility.html#ext-1."""
    has_value = any(key.startswith(("value", "_value")) for key in value)
    if has_value == ("extension" in value):
        said = "both a value and extensions" if has_value else "neither a value nor extensions"
        return one("invalid", f"The extension has {said}: give it exactly one of the two.")
    return None
