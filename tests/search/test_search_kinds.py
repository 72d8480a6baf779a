"""Units, places, texts, strings and composites: MongoDB finds what the matcher says, case by case and at random."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shelf import Shelf

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, NotSupported
from fhirserver.resources.registry import Release
from fhirserver.search.ast import Node
from fhirserver.search.match import matches
from fhirserver.search.parse import parse
from fhirserver.search.richer import prepared
from fhirserver.search.richness import Richness

CASES = fhirjson.loads((Path(__file__).parent.parent / "cases" / "search_kinds.json").read_bytes())
RICH = Richness({"*"}, {"*"})
POOR = Richness((), ())
PARTED = Richness((), {"*"})
CHOSEN = Richness((), {"Patient.name", "Patient.given", "ResearchStudy.title", "Location.name"})
UCUM = "http://unitsofmeasure.org"


def asked(release: Release, type_: str, params: list[tuple[str, str]]) -> Node:
    return parse(release, type_, params, strict=True, base_urls=["http://here.org/r5"]).filter


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["about"])
@pytest.mark.parametrize("rich", [True, False])
def test_cases_of_values(case: dict[str, Any], shelves: Callable[[str], Shelf], *, rich: bool) -> None:
    richness = RICH if rich else PARTED
    release, type_ = case["release"], case["type"]
    held = {id_: {"resourceType": type_, "id": id_, **rest} for id_, rest in case["resources"].items()}
    shelf = shelves(f"Value{chr(65 + CASES.index(case))}{rich}")
    shelf.fill(release, held.values(), richness)
    wrong = []
    for each in case["queries"]:
        if each.get("refused"):
            with pytest.raises(BadRequest):
                asked(release, type_, parse_qsl(each["query"], keep_blank_values=True))
            continue
        node = asked(release, type_, parse_qsl(each["query"], keep_blank_values=True))
        try:
            node = prepared(node, richness, release)
        except NotSupported:
            assert not rich
            continue
        stored = shelf.ids(node, release)
        paged = sorted(shelf.paged(shelf.plan(type_, node, (), release), 2))
        matched = sorted(id_ for id_, resource in held.items() if matches(node, resource, release))
        if not stored == matched == paged == sorted(each["finds"]):
            wrong.append(
                (each["query"], {"wanted": each["finds"], "mongod": stored, "paged": paged, "matcher": matched})
            )
    assert not wrong


# -- at random -------------------------------------------------------------------------------------------------------

NUMBERS = st.sampled_from(
    [
        Decimal(each)
        for each in ("0", "5.4", "5400", "0.0054", "5.45", "-40", "37", "37.0", "98.6", "310.15", "1e3", "71")
    ]
)
UNITS = st.sampled_from(
    [
        "mg",
        "g",
        "kg",
        "ug",
        "mL",
        "L",
        "Cel",
        "[degF]",
        "K",
        "/min",
        "{beats}/min",
        "Hz",
        "[IU]/L",
        "m[IU]/mL",
        "%",
        "1",
        "[pH]",
        "bogus",
        "mmol/L",
        "mol/m3",
        "a|b",
    ]
)
SYSTEMS = st.sampled_from([UCUM, UCUM, UCUM, "urn:oid:2.16.840.1.113883.6.8", "http://units.org"])
WORDS = st.sampled_from(
    [
        "lung cancer",
        "Lung-Cancer",
        "cancer of the lung",
        "lungs",
        "Kanzer Straße",
        "STRASSE",
        "北京大学",
        "京",
        "ab",
        "donaudampfschifffahrtselektrizitatenhauptbetrieb",
        "a b",
        "Carreño Quiñones",
        "van der Wal",
        "x" * 220,
        "x" * 199 + " lung",
        "e\u0301t\u00e9",
        "covid-19",
        ".*",
        "<b>lung</b>",
    ]
)


def some(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=parts)


QUANTITY = some(
    value=NUMBERS, system=SYSTEMS, code=UNITS, unit=UNITS, comparator=st.sampled_from(["<", "<=", ">=", ">"])
)
RATIO = some(numerator=QUANTITY, denominator=QUANTITY)
CODE = some(coding=st.lists(some(system=st.just("http://loinc.org"), code=st.sampled_from(["a", "b$c"])), min_size=1))
OBSERVATION = st.builds(
    lambda one: {"resourceType": "Observation"} | one,
    some(valueQuantity=QUANTITY, code=CODE, component=st.lists(some(code=CODE, valueQuantity=QUANTITY), max_size=2)),
)
INGREDIENT = st.builds(
    lambda one: {"resourceType": "Ingredient"} | one,
    some(
        substance=some(
            strength=st.lists(some(presentationRatio=RATIO, concentrationRatio=RATIO), min_size=1, max_size=2)
        )
    ),
)
SEQUENCE = st.builds(
    lambda one: {"resourceType": "MolecularSequence"} | one,
    some(
        variant=st.lists(some(start=st.integers(0, 9), end=st.integers(0, 9)), min_size=1, max_size=2),
        referenceSeq=some(
            chromosome=CODE, referenceSeqId=CODE, windowStart=st.integers(0, 9), windowEnd=st.integers(0, 9)
        ),
    ),
)
LATITUDES = st.sampled_from([Decimal(each) for each in ("48.1", "48.2", "-16.8", "90", "-90", "0", "91", "52.5")])
LONGITUDES = st.sampled_from([Decimal(each) for each in ("11.5", "11.6", "180", "-180", "179.9", "0", "-62.3", "13.4")])
LOCATION = st.builds(
    lambda one: {"resourceType": "Location"} | one,
    some(position=some(latitude=LATITUDES, longitude=LONGITUDES), name=WORDS, description=WORDS),
)
STUDY = st.builds(
    lambda one: {"resourceType": "ResearchStudy"} | one,
    some(
        title=WORDS,
        description=WORDS,
        keyword=st.lists(some(text=WORDS), min_size=1, max_size=2),
        text=some(div=WORDS.map("<div><p>{}</p></div>".format)),
        url=st.sampled_from(["http://Acme.org/a/1", "http://acme.org/a/1/b", "urn:oid:1.2.3"]),
    ),
)
CONDITION = st.builds(
    lambda one: {"resourceType": "Condition"} | one,
    some(
        code=some(text=WORDS, coding=st.lists(some(display=WORDS), min_size=1, max_size=2)),
        subject=some(display=WORDS),
    ),
)
PERSON = st.builds(
    lambda one: {"resourceType": "Patient"} | one,
    some(name=st.lists(some(family=WORDS, given=st.lists(WORDS, min_size=1, max_size=2), text=WORDS), min_size=1)),
)

PREFIX = st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
MEASURE = st.builds(
    lambda prefix, value, system, unit: f"{prefix}{value}{system}" + (unit.replace("|", r"\|") if system else ""),
    PREFIX,
    NUMBERS,
    st.sampled_from(["", "||", f"|{UCUM}|", f"|{UCUM}|", "|http://units.org|"]),
    UNITS,
)
COUNT = st.builds("{}{}".format, PREFIX, st.integers(0, 9))
TERM = st.sampled_from(["a", r"http://loinc.org|a", r"b\$c", r"|a"])
PLACE = st.builds(
    "{}|{}|{}|{}".format,
    st.sampled_from(["48.1", "-16.8", "90", "0"]),
    st.sampled_from(["11.5", "180", "0"]),
    st.sampled_from(["0", "5", "25", "700", "9000", "30000"]),
    st.sampled_from(["km", "[mi_us]", "m"]),
)
TEXT = st.sampled_from(
    [
        "lung",
        "cancer",
        "lung cancer",
        '"lung cancer"',
        '"cancer lung"',
        "lung OR strasse",
        "NOT lung",
        "lung NOT cancer",
        "can*",
        '"lung can"*',
        "(lung or kanzer) and strasse",
        "北京",
        "京",
        "xx*",
        "covid-19",
        "ete",
        "lun",
        "quinones",
        "de*",
        "wal",
        "donaudampfschifffahrtselektrizitatenhauptbetrieb",
    ]
)
PART = st.sampled_from(
    ["lung", "ung c", "a", "ass", "京大", "xxx", "x l", "nones", "ete", "b>", "lunge", "ng", "ab", "al", "al "]
)


def one(names: list[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.sampled_from(names), st.lists(values, min_size=1, max_size=2).map(",".join))


QUESTIONS: dict[str, tuple[Release, st.SearchStrategy[Any], st.SearchStrategy[tuple[str, str]]]] = {
    "Observation": (
        "R5",
        OBSERVATION,
        st.one_of(
            one(["value-quantity", "combo-value-quantity", "component-value-quantity"], MEASURE),
            one(["code-value-quantity", "combo-code-value-quantity"], st.builds("{}${}".format, TERM, MEASURE)),
        ),
    ),
    "Ingredient": (
        "R5",
        INGREDIENT,
        one(
            ["strength-concentration-ratio", "strength-presentation-ratio"], st.builds("{}${}".format, MEASURE, MEASURE)
        ),
    ),
    "MolecularSequence": (
        "R4",
        SEQUENCE,
        st.one_of(
            one(
                [
                    f"{name}-{what}-coordinate"
                    for name in ("chromosome", "referenceseqid")
                    for what in ("variant", "window")
                ],
                st.builds("{}${}${}".format, TERM, COUNT, COUNT),
            ),
            one(["variant-start", "window-end"], COUNT),
        ),
    ),
    "Location": (
        "R5",
        LOCATION,
        st.one_of(
            one(["near"], PLACE),
            st.tuples(st.just("near:missing"), st.sampled_from(["true", "false"])),
            one(["name:contains"], PART),
            one(["_content"], TEXT),
        ),
    ),
    "ResearchStudy": (
        "R5",
        STUDY,
        st.one_of(
            one(["_content", "_text", "title:text", "description:text"], TEXT),
            one(["title:contains", "description:contains"], PART),
            one(["url:contains"], st.sampled_from(["ACME", "/b", "1", ".", "2.3", "url"])),
            st.tuples(st.sampled_from(["_text:missing", "_content:missing"]), st.sampled_from(["true", "false"])),
        ),
    ),
    "Condition": (
        "R5",
        CONDITION,
        st.one_of(one(["code:text-advanced", "subject:text-advanced"], TEXT), one(["code:text", "subject:text"], PART)),
    ),
    "Patient": (
        "R5",
        PERSON,
        st.one_of(
            one(["name:text", "family:text"], TEXT),
            one(["name:contains", "given:contains"], PART),
            one(["family", "name", "family:exact", "given"], WORDS.filter(lambda word: word != ".*")),
        ),
    ),
}


RICHNESS = {"rich": RICH, "poor": POOR, "parted": PARTED, "chosen": CHOSEN, "sought": POOR}


@pytest.mark.parametrize("named", RICHNESS)
@pytest.mark.parametrize("type_", QUESTIONS)
def test_values_at_random(shelves: Callable[[str], Shelf], type_: str, named: str) -> None:
    release, resources, questions = QUESTIONS[type_]
    richness = RICHNESS[named]
    shelf = shelves(f"{type_}{named}")
    if richness is not RICH and type_ in ("Observation", "Ingredient", "MolecularSequence"):
        pytest.skip("what is indexed beside the parameters is about texts and strings alone")

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(
        found=st.lists(resources, min_size=4, max_size=10),
        searches=st.lists(st.lists(questions, min_size=1, max_size=2), min_size=12, max_size=12),
    )
    def agree(found: list[dict[str, Any]], searches: list[list[tuple[str, str]]]) -> None:
        held = {f"r{number}": resource | {"id": f"r{number}"} for number, resource in enumerate(found)}
        shelf.fill(release, held.values(), richness)
        for params in searches:
            try:
                node = prepared(asked(release, type_, params), richness, release)
            except BadRequest:
                continue  # no text is searched where none is indexed
            if named == "sought":
                node = shelf.sought(node, release)
            matched = sorted(id_ for id_, resource in held.items() if matches(node, resource, release))
            assert shelf.ids(node, release) == matched, params
            assert sorted(shelf.paged(shelf.plan(type_, node, (), release), 2)) == matched, params

    agree()
