"""Every value that a parameter has in an official example finds that example, in the database and in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from shelf import Shelf, document

from fhirserver import fhirjson
from fhirserver.releases import converted
from fhirserver.resources import registry
from fhirserver.search.ast import And, Ids
from fhirserver.search.match import matches
from fhirserver.search.named import named
from fhirserver.search.parameters import Parameter
from fhirserver.search.parse import parse
from tests.packages import examples


def escaped(text: str) -> str:
    for sign in ("\\", ",", "$", "|"):
        text = text.replace(sign, "\\" + sign)
    return text


def queries(parameter: Parameter, type_: str, value: Any) -> Iterator[tuple[str, str]]:
    """(modifier, value) of searches that must find a resource with this value."""
    match parameter.kind:
        case "token":
            yield from tokens(type_, value)
        case "string":
            names = ("family", "text", "city", "country")
            found = [value] if isinstance(value, str) else [value[name] for name in names if name in value]
            for each in found:
                if any(sign.isalnum() for sign in each):
                    yield "", escaped(each[:300])
                    yield "", escaped(each[:5]) if any(sign.isalnum() for sign in each[:5]) else escaped(each[:300])
                    yield ":exact", escaped(each)
                    yield (
                        ":contains",
                        escaped(each[len(each) // 3 :][:40])
                        if each[len(each) // 3 :][:40].strip(" .,")
                        else escaped(each),
                    )
        case "reference":
            inner = value.get("reference") if type_ == "CodeableReference" else value
            if isinstance(inner, str):
                yield "", escaped(inner)
            elif isinstance(inner, dict) and "resourceType" not in inner:
                literal = inner.get("reference")
                if literal and not literal.startswith("#"):
                    yield "", escaped(literal)
                number = (inner.get("identifier") or {}).get("value")
                if number:
                    yield ":identifier", escaped(number)
        case "uri":
            yield "", escaped(value)
        case "date":
            for text in (value,) if isinstance(value, str) else (value.get("start"), value.get("end")):
                if text and type_ != "Timing":
                    yield "", f"ap{text}"
                    yield "", text if isinstance(value, str) else f"ge{value.get('start', '0001')}"
        case "number":
            if not isinstance(value, dict):
                yield "", str(value)
        case "quantity":
            number = value.get("value")
            if number is not None and not value.get("comparator"):
                yield "", f"{number}"
                if value.get("code"):
                    yield "", f"{number}|{escaped(value.get('system', ''))}|{escaped(value['code'])}"
                if value.get("unit"):
                    yield "", f"le{number}||{escaped(value['unit'])}"


def tokens(type_: str, value: Any) -> Iterator[tuple[str, str]]:
    codings = {
        "CodeableConcept": lambda: value.get("coding", []),
        "CodeableReference": lambda: (value.get("concept") or {}).get("coding", []),
        "Coding": lambda: [value],
        "Identifier": lambda: [{"system": value.get("system"), "code": value.get("value")}],
        "ContactPoint": lambda: [{"code": value.get("value")}],
    }.get(type_)
    if codings is None:
        yield "", escaped(str(value).lower() if isinstance(value, bool) else str(value))
        return
    for coding in codings():
        if coding.get("code"):
            yield "", escaped(coding["code"])
            yield "", f"{escaped(coding.get('system') or '')}|{escaped(coding['code'])}"
        if coding.get("display") and any(sign.isalnum() for sign in coding["display"][:8]):
            yield ":text", escaped(coding["display"][:8])


@pytest.mark.parametrize(("release", "step"), [("R5", 24), ("R4", 60)])
def test_every_value_finds_its_example(release: registry.Release, step: int, shelves: Callable[[str], Shelf]) -> None:
    shelf = shelves(f"examples_{release}")
    types = registry.resource_types(release)
    batch = {
        name: converted(resource, release, registry.stored_release(release, resource["resourceType"]))
        for name, resource in examples(release, step)
        if resource["resourceType"] in types
    }
    forms = {name: registry.stored_release(release, each["resourceType"]) for name, each in batch.items()}
    shelf.put(document(forms[name], resource, name) for name, resource in batch.items())
    asked = 0
    for name, resource in batch.items():
        type_ = resource["resourceType"]
        for code, parameter in named(release, type_).items():
            if parameter.definition.own is not None:
                continue  # what is asked for is not what stands there
            if parameter.code in ("_id", "_lastUpdated", "_in") or (type_, parameter.code) == ("Group", "member"):
                continue
            seen = set()
            for kind, value in parameter.values(resource)[:3]:
                for modifier, query in queries(parameter, kind, value):
                    if (
                        (modifier, query) in seen
                        or not query.strip()
                        or "\n" in query
                        or "\t" in query
                        or "\r" in query
                    ):
                        continue
                    seen.add((modifier, query))
                    node = parse(release, type_, [(code + modifier, query)], strict=True).filter
                    assert matches(node, resource, release), (name, parameter.code, modifier, query)
                    assert shelf.ids(And((Ids((name,)), node)), release) == [name], (
                        name,
                        parameter.code,
                        modifier,
                        query,
                    )
                    asked += 1
    assert asked > 800


def test_an_entry_holds_plain_values_only() -> None:
    for _, resource in examples("R5", 20):
        if resource["resourceType"] not in registry.resource_types("R5"):
            continue
        found = document("R5", resource, "x")
        assert len(set(found["t"])) == len(found["t"])
        assert all(isinstance(each, str) for each in found["t"])
        for each in found["x"]:
            assert {"k", "lo"} <= each.keys() <= {"k", "lo", "hi", "u", "b"}
            assert type(each["lo"]) is type(each.get("hi", each["lo"]))
            assert isinstance(each["lo"], datetime | Decimal)
        assert all(isinstance(each, str) for each in found["s"].values())
        assert fhirjson.dumps(found["f"])
