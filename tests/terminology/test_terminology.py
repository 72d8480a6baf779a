"""Terminology by a table of cases, by properties that must hold of any code system, and by HL7's own value sets."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver import fhirjson
from fhirserver.errors import FhirError, TooCostly, Unprocessable
from fhirserver.resources.registry import Release
from fhirserver.resources.validation import validate
from fhirserver.terminology import compose, hierarchy, lookup, patterns, words
from fhirserver.terminology import validate as judging
from fhirserver.terminology.bindings import Bound
from fhirserver.terminology.contents import AS_LOADED, Contents, Versions
from fhirserver.terminology.expand import Ask, expanded
from fhirserver.terminology.members import Entry
from fhirserver.terminology.reasons import Undecided
from tests.packages import EXAMPLES, package

Json = dict[str, Any]
TABLE: Json = fhirjson.loads((Path(__file__).parent.parent / "cases" / "terminology_cases.json").read_bytes())
ANIMALS = "http://example.org/animals"
SETS = "http://example.org/ValueSet/"
PLAIN = Ask()


@pytest.fixture(scope="module")
def contents() -> Contents:
    return Contents.of("R5", TABLE["definitions"])


def valueset(definition: Json) -> Json:
    return {"resourceType": "ValueSet", "url": f"{SETS}case", "status": "active", "compose": definition}


def expand(
    contents: Contents,
    case: Json,
    ask: Ask = PLAIN,
    versions: Versions = AS_LOADED,
    most: int = 100,
) -> Json:
    if "valueset" in case:
        found = compose.known(contents, case["valueset"])
        if found is None:
            raise Unprocessable("It is not known.", code="not-found")
        members = compose.members(contents, case["valueset"], versions)
        assert members is not None
    else:
        found = valueset(case["compose"])
        members = compose.members_of(contents, found, versions)
    return expanded(contents, found, members, ask, most)


def flat(rows: list[Json]) -> list[Json]:
    return [each for row in rows for each in (row, *flat(row.get("contains", [])))]


def codes(valueset: Json) -> list[str]:
    """The codes of an expansion, those of the animals without their system."""
    rows = flat(valueset["expansion"].get("contains", []))
    return [row["code"] if row["system"] == ANIMALS else f"{row['system']}|{row['code']}" for row in rows]


def flattened(**more: Any) -> Ask:
    return Ask(nested=False, **more)


# --- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("definition", TABLE["definitions"], ids=lambda each: each["url"])
def test_the_definitions_of_the_table_are_valid(definition: Json) -> None:
    assert [issue for issue in validate("R5", definition) if issue.severity == "error"] == []


@pytest.mark.parametrize("case", TABLE["expansions"], ids=lambda case: case["name"])
def test_a_value_set_has_the_codes_that_its_definition_comes_to(contents: Contents, case: Json) -> None:
    found = expand(contents, case, flattened())
    assert codes(found) == case["codes"]
    assert found["expansion"]["total"] == len(case["codes"])
    assert set(codes(expand(contents, case))) == set(case["codes"])


@pytest.mark.parametrize("case", TABLE["refused"], ids=lambda case: case["name"])
def test_what_cannot_be_worked_out_is_refused_with_its_reason(contents: Contents, case: Json) -> None:
    with pytest.raises(Unprocessable) as refusal:
        expand(contents, case)
    assert {issue.code for issue in refusal.value.issues} == {case["code"]}
    assert case["says"] in str(refusal.value) or not case["says"]


@pytest.mark.parametrize("case", TABLE["validations"], ids=lambda case: case["name"])
def test_a_coding_is_judged_by_a_value_set(contents: Contents, case: Json) -> None:
    given = case["valueset"]
    members = compose.members(contents, given) if isinstance(given, str) else None
    members = members or compose.members_of(contents, valueset(given))
    judge = judging.by_valueset(contents, members, "it", judging.Ask(abstract=case.get("abstract", True)))
    verdict = judge(case["coding"], "Coding")
    if case["ok"] is None:
        assert verdict.unknown
        with pytest.raises(Unprocessable, match="cannot be told"):
            judging.settled([verdict])
        return
    assert verdict.ok is case["ok"]
    assert [issue.details for issue in verdict.issues] == ([case["details"]] if case["details"] else [])
    assert case.get("display") in (None, verdict.display)
    assert all(place.startswith("Coding") for issue in verdict.issues for place in issue.expression)


@pytest.mark.parametrize(("one", "other", "outcome"), TABLE["subsumptions"])
def test_two_codes_relate(contents: Contents, one: str, other: str, outcome: str) -> None:
    system = contents.codesystem(ANIMALS)
    assert system is not None
    assert hierarchy.outcome(system, one, other) == outcome
    back = {"subsumes": "subsumed-by", "subsumed-by": "subsumes"}.get(outcome, outcome)
    assert hierarchy.outcome(system, other, one) == back


@pytest.mark.parametrize("case", TABLE["unknown_subsumptions"], ids=lambda case: case["system"])
def test_how_two_codes_relate_is_not_guessed(contents: Contents, case: Json) -> None:
    system = contents.codesystem(case["system"])
    assert system is not None
    with pytest.raises(Undecided) as refusal:
        hierarchy.outcome(system, case["a"], case["b"])
    assert refusal.value.reason.code == case["code"]


@pytest.mark.parametrize(("code", "language", "display"), TABLE["displays"])
def test_a_code_is_shown_in_the_language_that_is_asked_for(
    contents: Contents, code: str, language: str | None, display: str
) -> None:
    found = expand(contents, {"compose": {"include": [{"system": ANIMALS}]}}, flattened(language=language))
    shown = {row["code"]: row["display"] for row in found["expansion"]["contains"]}
    assert shown[code] == display


@pytest.mark.parametrize(("text", "found"), TABLE["text_filters"])
def test_a_text_filter_takes_the_beginnings_of_words(contents: Contents, text: str, found: list[str]) -> None:
    case = {"compose": {"include": [{"system": ANIMALS}]}}
    assert sorted(codes(expand(contents, case, Ask(filter=text)))) == sorted(found)


# --- expansions -------------------------------------------------------------------------------------------------------

WHOLE = {"compose": {"include": [{"system": ANIMALS}]}}


def test_an_expansion_nests_what_the_code_system_nests(contents: Contents) -> None:
    found = expand(contents, WHOLE)["expansion"]["contains"]
    assert [row["code"] for row in found] == ["animal", "plant"]
    assert [row["code"] for row in found[0]["contains"]] == ["mammal", "bird", "flyer"]
    bat = found[0]["contains"][0]["contains"][2]
    assert bat == {"system": ANIMALS, "version": "2.0", "code": "bat", "display": "Bat"}


def test_pages_are_flat_and_together_the_whole(contents: Contents) -> None:
    whole = codes(expand(contents, WHOLE, flattened()))
    pages = [expand(contents, WHOLE, Ask(offset=start, count=3))["expansion"] for start in range(0, 12, 3)]
    assert [row["code"] for page in pages for row in page.get("contains", ())] == whole
    assert {page["total"] for page in pages} == {len(whole)}
    assert [page["offset"] for page in pages] == [0, 3, 6, 9]
    only = expand(contents, WHOLE, Ask(count=0))["expansion"]
    assert only["total"] == len(whole)
    assert "contains" not in only


def test_an_expansion_beyond_the_limit_is_refused_and_its_pages_are_not(contents: Contents) -> None:
    with pytest.raises(TooCostly, match=r"filter.*count and offset"):
        expand(contents, WHOLE, most=9)
    assert len(codes(expand(contents, WHOLE, Ask(count=9), most=9))) == 9
    assert codes(expand(contents, WHOLE, Ask(filter="wren"), most=9)) == ["wren"]


def test_what_is_not_for_use_is_marked_and_left_out_when_asked(contents: Contents) -> None:
    rows = {row["code"]: row for row in expand(contents, WHOLE, flattened())["expansion"]["contains"]}
    assert [code for code, row in rows.items() if row.get("abstract")] == ["animal", "mammal"]
    assert [code for code, row in rows.items() if row.get("inactive")] == ["dodo"]
    assert "dodo" not in codes(expand(contents, WHOLE, Ask(active_only=True)))
    assert "mammal" not in codes(expand(contents, WHOLE, Ask(only_for_ui=True)))
    assert codes(expand(contents, WHOLE, Ask(exclude=(f"{ANIMALS}|2.0",)))) == []
    assert len(codes(expand(contents, WHOLE, Ask(exclude=(f"{ANIMALS}|1.0",))))) == 10


def test_designations_and_properties_are_told_when_asked(contents: Contents) -> None:
    def dog(ask: Ask) -> Json:
        rows: list[Json] = expand(contents, WHOLE, ask)["expansion"]["contains"]
        return next(row for row in rows if row["code"] == "dog")

    assert [row["value"] for row in dog(flattened(include_designations=True))["designation"]] == [
        "Hund",
        "Waldi",
        "chien",
    ]
    for asked in ((None, "fr"), ("urn:ietf:bcp:47", "fr")):
        assert [row["value"] for row in dog(flattened(designations=(asked,)))["designation"]] == ["chien"]
    use = ("http://example.org/use", "nickname")
    assert [row["value"] for row in dog(flattened(designations=(use,)))["designation"]] == ["Waldi"]
    assert "designation" not in dog(flattened(designations=((None, "it"),)))
    assert dog(flattened(properties=("legs", "weight")))["property"] == [
        {"code": "legs", "valueInteger": 4},
        {"code": "weight", "valueDecimal": fhirjson.loads(b"20.50")},
    ]
    found = expand(contents, WHOLE, flattened(properties=("http://hl7.org/fhir/concept-properties#parent",)))
    assert {"code": "parent", "valueCode": "mammal"} in found["expansion"]["contains"][2]["property"]
    assert {"code": "isa", "uri": "http://hl7.org/fhir/concept-properties#parent"} in found["expansion"]["property"]


def test_an_expansion_says_what_it_was_made_of(contents: Contents) -> None:
    found = expand(contents, {"compose": {"include": [{"valueSet": [f"{SETS}kept"]}]}})["expansion"]
    assert found["parameter"] == [
        {"name": "used-valueset", "valueUri": f"{SETS}kept"},
        {"name": "used-codesystem", "valueUri": f"{ANIMALS}|2.0"},
    ]
    blank = {"resourceType": "CodeSystem", "url": "http://b", "version": "1 b", "content": "complete"}
    odd = expand(Contents.of("R5", [blank]), {"compose": {"include": [{"system": "http://b"}]}})["expansion"]
    assert odd["parameter"] == [{"name": "used-codesystem", "valueUri": "http://b"}]
    stored = expand(contents, {"valueset": f"{SETS}expanded"})["expansion"]
    assert stored["identifier"] == "urn:uuid:46c00b3f-003a-4f31-9d4b-ea2de58b2a99"
    assert stored["timestamp"] == "2020-01-01T00:00:00Z"


def test_versions_of_code_systems_may_be_asked_for(contents: Contents) -> None:
    pinned = {"compose": {"include": [{"system": ANIMALS, "version": "2.0", "concept": [{"code": "dog"}]}]}}
    old = {ANIMALS: "1.0"}
    assert codes(expand(contents, WHOLE, versions=Versions(default=old))) == ["dog", "unicorn"]
    assert codes(expand(contents, WHOLE, versions=Versions(check=old))) == ["dog", "unicorn"]
    assert expand(contents, pinned, versions=Versions(default=old))["expansion"]["contains"][0]["display"] == "Dog"
    assert expand(contents, pinned, versions=Versions(force=old))["expansion"]["contains"][0]["display"] == "Old dog"
    with pytest.raises(Unprocessable, match=r"Version 1\.0 .* names 2\.0"):
        expand(contents, pinned, versions=Versions(check=old))
    assert len(codes(expand(contents, WHOLE))) == 10


def test_value_sets_that_are_contained_are_found_by_those_that_contain_them(contents: Contents) -> None:
    inner = {"resourceType": "ValueSet", "id": "i", "status": "active"}
    outer = valueset({"include": [{"valueSet": ["#i"]}]})
    outer["contained"] = [inner | {"compose": {"include": [{"system": ANIMALS, "concept": [{"code": "dog"}]}]}}]
    found = compose.members_of(contents, outer)
    assert [entry.code for entry in found.entries.values()] == ["dog"]
    assert compose.members_of(contents, valueset({"include": [{"valueSet": ["#i"]}]})).open


@pytest.mark.parametrize(
    ("canonical", "found"),
    [
        ("http://snomed.info/sct?fhir_vs", ["1", "2", "3"]),
        ("http://snomed.info/sct?fhir_vs=isa/2", ["2", "3"]),
        ("http://snomed.info/sct?fhir_vs=isa/", None),
        ("http://snomed.info/sct?fhir_vs=refset/2", None),
        ("http://snomed.info/sctx?fhir_vs", None),
        ("http://loinc.org/vs", []),
    ],
)
def test_value_sets_that_their_urls_define_need_the_code_system_alone(canonical: str, found: list[str] | None) -> None:
    nested = [{"code": "1"}, {"code": "2", "concept": [{"code": "3"}]}]
    some = {"resourceType": "CodeSystem", "content": "complete", "hierarchyMeaning": "is-a", "status": "active"}
    known = Contents.of(
        "R5", [some | {"url": "http://snomed.info/sct", "concept": nested}, some | {"url": "http://loinc.org"}]
    )
    members = compose.members(known, canonical)
    assert (None if members is None else [entry.code for entry in members.entries.values()]) == found


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_regular_expression_ends_within_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.1)
    concepts = [{"code": "a" * 40 + str(number)} for number in range(200)]
    system = {"resourceType": "CodeSystem", "url": "http://x", "content": "complete", "concept": concepts}
    rule = [{"property": "code", "op": "regex", "value": "(a|aa)+$"}]
    begun = monotonic()
    with pytest.raises(Unprocessable, match="takes too long"):
        expand(Contents.of("R5", [system]), {"compose": {"include": [{"system": "http://x", "filter": rule}]}})
    assert monotonic() - begun < 2


def test_hierarchies_and_value_sets_of_any_depth_are_worked_out() -> None:
    depth = 5000
    rows: list[Json] = [
        {"code": str(number), "property": [{"code": "parent", "valueCode": str(number - 1)}]} for number in range(depth)
    ]
    system = {"resourceType": "CodeSystem", "url": "http://x", "content": "complete", "hierarchyMeaning": "is-a"}
    rule = [{"property": "concept", "op": "is-a", "value": "0"}]
    chain = [
        {"resourceType": "ValueSet", "url": f"v{at}", "compose": {"include": [{"valueSet": [f"v{at + 1}"] * 2}] * 2}}
        for at in range(30)
    ]
    last = {"resourceType": "ValueSet", "url": "v30", "compose": {"include": [{"system": "http://x", "filter": rule}]}}
    known = Contents.of("R5", [system | {"concept": rows}, *chain, last])
    found = expand(known, {"valueset": "v0"}, most=depth)
    assert found["expansion"]["total"] == depth
    fhirjson.check_depth({"expansion": found["expansion"]["contains"][:1]})
    fhirjson.dumps(found)


# --- properties -------------------------------------------------------------------------------------------------------

CODES = ("a", "b", "c", "d", "e")
SYSTEMS = ("s", "t", "u")
concept_rows = st.lists(
    st.fixed_dictionaries(
        {"code": st.sampled_from(CODES)},
        optional={
            "display": st.sampled_from(("Apple pie", "Äpfel", "pear")),
            "property": st.lists(
                st.one_of(
                    st.builds(lambda code: {"code": "parent", "valueCode": code}, st.sampled_from(CODES)),
                    st.just({"code": "inactive", "valueBoolean": True}),
                    st.just({"code": "n", "valueInteger": 1}),
                ),
                max_size=2,
            ),
        },
    ),
    max_size=5,
    unique_by=lambda row: row["code"],
)
systems = st.fixed_dictionaries(
    {
        name: st.fixed_dictionaries(
            {
                "concept": concept_rows,
                "caseSensitive": st.booleans(),
                "content": st.sampled_from(("complete", "complete", "fragment")),
                "hierarchyMeaning": st.sampled_from(("is-a", "is-a", "part-of")),
            }
        )
        for name in ("s", "t")
    }
)
filters = st.lists(
    st.fixed_dictionaries(
        {
            "property": st.sampled_from(("concept", "parent", "inactive", "n", "display")),
            "op": st.sampled_from(
                (
                    *("=", "is-a", "descendent-of", "is-not-a", "regex", "in", "not-in", "generalizes", "child-of"),
                    *("descendent-leaf", "exists"),
                )
            ),
            "value": st.sampled_from((*CODES, "true", "a,b", "[ab]", "1")),
        }
    ),
    min_size=1,
    max_size=2,
)
parts = st.fixed_dictionaries(
    {},
    optional={
        "system": st.sampled_from(SYSTEMS),
        "concept": st.lists(st.fixed_dictionaries({"code": st.sampled_from((*CODES, "A"))}), min_size=1, max_size=3),
        "filter": filters,
        "valueSet": st.lists(st.sampled_from(("0", "1", "2", "none")), min_size=1, max_size=2),
    },
)
composes = st.fixed_dictionaries(
    {"include": st.lists(parts, min_size=1, max_size=3)},
    optional={"exclude": st.lists(parts, max_size=2), "inactive": st.booleans()},
)


@settings(max_examples=150)
@given(systems=systems, sets=st.lists(composes, min_size=3, max_size=3))
def test_a_code_is_valid_exactly_when_the_expansion_has_it(systems: Json, sets: list[Json]) -> None:
    rows = [{"resourceType": "CodeSystem", "url": url, "status": "active", **row} for url, row in systems.items()]
    rows += [{"resourceType": "ValueSet", "url": str(at), "compose": each} for at, each in enumerate(sets)]
    known = Contents.of("R5", rows)
    for at in range(3):
        members = compose.members(known, str(at))
        assert members is not None
        judge = judging.by_valueset(known, members, "it", judging.Ask())
        verdicts = {(s, c): judge({"system": s, "code": c}, "") for s in SYSTEMS for c in (*CODES, "A", "B")}
        try:
            found = expanded(known, {"url": str(at)}, members, flattened(), 100)["expansion"]
        except Unprocessable:
            assert members.open
            assert members.reasons
            continue
        has = {(row["system"], row["code"]) for row in found.get("contains", ())}
        for (system, code), verdict in verdicts.items():
            loose = system in members.folded
            same = {
                (s, c) for s, c in has if s == system and (c == code or (loose and c.casefold() == code.casefold()))
            }
            assert verdict.ok is bool(same), (system, code)
            assert not verdict.unknown


LOADED = {"a": frozenset(("1", "2"))}
bound_part = st.fixed_dictionaries(
    {},
    optional={
        "system": st.sampled_from(("a", "b", "c")),
        "concept": st.lists(st.fixed_dictionaries({"code": st.sampled_from(("1", "2", "3"))}), min_size=1),
        "filter": st.just([{"property": "concept", "op": "is-not-a", "value": "2"}]),
        "valueSet": st.lists(st.sampled_from(("0", "1", "none")), min_size=1, max_size=2),
    },
)
bound_compose = st.fixed_dictionaries(
    {"include": st.lists(bound_part, min_size=1, max_size=3)}, optional={"exclude": st.lists(bound_part, max_size=2)}
)
some_codes = st.frozensets(st.sampled_from(("1", "2", "3")))
world = st.fixed_dictionaries(
    {
        "systems": st.fixed_dictionaries({"b": some_codes, "c": some_codes}),
        "none": st.frozensets(st.tuples(st.sampled_from(("a", "b", "c")), st.sampled_from(("1", "2", "3")))),
    }
)
Pairs = frozenset[tuple[str, str]]


def content(sets: list[Json], at: int, real: Json) -> Pairs:
    """What a value set holds in a world where all is known; value sets refer to earlier ones alone."""

    def one(row: Json) -> Pairs:
        found = [real["none"] if name == "none" else content(sets, int(name), real) for name in row.get("valueSet", ())]
        if system := row.get("system"):
            whole = (LOADED | real["systems"])[system]
            if "filter" in row:
                whole = whole - {"2"}
            if "concept" in row:
                listed = frozenset(each["code"] for each in row["concept"])
                # What nobody has loaded cannot say that a listed code is wrong.
                whole = whole & listed if "filter" in row or system in LOADED else listed
            found.append(frozenset((system, code) for code in whole))
        return frozenset.intersection(*found) if found else frozenset()

    included = frozenset().union(*(one(row) for row in sets[at]["include"]))
    return included.difference(*(one(row) for row in sets[at].get("exclude", ())))


@given(sets=st.lists(bound_compose, min_size=3, max_size=3), real=world)
def test_what_is_said_of_a_code_holds_whatever_is_in_what_is_not_loaded(sets: list[Json], real: Json) -> None:
    for at, each in enumerate(sets):
        for name in ("include", "exclude"):
            rows = each.get(name, ())
            each[name] = [
                row for row in rows if all(name == "none" or int(name) < at for name in row.get("valueSet", ()))
            ]
    loaded = [{"resourceType": "ValueSet", "url": str(at), "compose": each} for at, each in enumerate(sets)]
    concepts = [{"code": code} for code in sorted(LOADED["a"])]
    system = {"resourceType": "CodeSystem", "url": "a", "content": "complete", "concept": concepts}
    find = Bound(Contents.of("R5", [*loaded, system]))
    for at in range(3):
        codes = find(str(at))
        assert codes is not None
        truth = content(sets, at, real)
        for pair in ((s, c) for s in ("a", "b", "c") for c in ("1", "2", "3")):
            assert codes.has(*pair) in (None, pair in truth), pair


# --- HL7's code systems and value sets --------------------------------------------------------------------------------


def published(*packages: str) -> list[Json]:
    paths = [
        path
        for name in packages
        for kind in ("CodeSystem", "ValueSet")
        for path in sorted(package(name).rglob(f"{kind}-*.json"))
    ]
    found = [fhirjson.loads(path.read_bytes()) for path in paths]
    return [each for each in found if each["resourceType"] in ("CodeSystem", "ValueSet") and "url" in each]


@pytest.mark.parametrize("release", ["R5", "R4"])
def test_every_official_example_is_expanded_or_refused_for_what_is_missing(release: Release) -> None:
    resources = published(EXAMPLES[release])
    known = Contents.of(release, resources)
    done, missing = 0, set()
    for each in resources:
        if each["resourceType"] != "ValueSet":
            continue
        members = compose.members(known, each["url"])
        assert members is not None
        try:
            found = expanded(known, compose.known(known, each["url"]) or each, members, Ask(), 10_000)
        except Unprocessable as refusal:
            missing |= {issue.code for issue in refusal.issues}
            continue
        done += 1
        # Some codes of R4's DICOM end in a blank.
        assert [issue for issue in validate(release, found) if not issue.expression[0].endswith(".code")] == []
    assert done > 300
    assert missing <= {"not-found", "not-supported", "code-invalid"}


def test_expansions_that_official_examples_carry_are_what_their_definitions_come_to() -> None:
    """Of the others one is over LOINC, and the code system of one has got more codes since."""
    resources = published(EXAMPLES["R5"], "hl7.terminology-7.0.1")
    known = Contents.of("R5", resources)
    compared = set()
    for each in resources:
        if "expansion" not in each or "compose" not in each or each["id"] == "inactive":
            continue
        members = compose.members_of(known, {name: value for name, value in each.items() if name != "expansion"})
        if not members.open:
            told = {(row["system"], row["code"]) for row in flat(each["expansion"]["contains"]) if "code" in row}
            assert {(entry.url, entry.code) for entry in members.entries.values()} == told
            compared.add(each["id"])
    assert compared == {"yesnodontknow"}


def test_definitions_that_are_altered_in_any_way_are_worked_out_or_refused() -> None:
    chance = random.Random(11)
    values: list[Any] = [None, "", "x", 5, True, ["x"], {"code": "x"}, [], {}]
    for _ in range(400):
        resources = copy.deepcopy(TABLE["definitions"])
        for _ in range(3):
            holder: Any = chance.choice(resources)
            while True:
                key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
                if not isinstance(holder[key], dict | list) or not holder[key] or chance.random() < 0.2:
                    break
                holder = holder[key]
            holder[key] = chance.choice(values)
        valid = [each for each in resources if not validate("R5", each, level="structure")]
        known = Contents.of("R5", valid)
        for each in valid:
            if each["resourceType"] != "ValueSet":
                continue
            ask = Ask(language="de", properties=("*",), include_designations=True, filter=chance.choice((None, "d")))
            try:
                expanded(known, each, compose.members_of(known, each), ask, 100)
            except FhirError:
                continue
        system = known.codesystem(ANIMALS)
        for concept in system.concepts.values() if system else ():
            lookup.parameters(known, system, concept, language="de")


# --- lookup -----------------------------------------------------------------------------------------------------------


def told(contents: Contents, code: str, **asked: Any) -> dict[str, list[Any]]:
    system = contents.codesystem(ANIMALS)
    assert system is not None
    concept = system.find(code)
    assert concept is not None
    found: dict[str, list[Any]] = {}
    for row in lookup.parameters(contents, system, concept, **asked):
        value = (
            {part["name"]: next(v for k, v in part.items() if k != "name") for part in row["part"]}
            if "part" in row
            else row["valueString"]
        )
        found.setdefault(row["name"], []).append(value)
    return found


def test_a_lookup_tells_all_or_what_is_asked_for(contents: Contents) -> None:
    whole = told(contents, "mammal")
    assert whole["name"] == ["Animals of the tests"]
    assert whole["version"] == ["2.0"]
    assert whole["display"] == ["Mammal"]
    assert whole["definition"] == ["It has milk."]
    assert {"code": "hidden", "value": True} in whole["property"]
    assert {"code": "parent", "value": "animal", "description": "Animal"} in whole["property"]
    children = [row["value"] for row in whole["property"] if row["code"] == "child"]
    assert children == ["dog", "cat", "bat"]
    some = told(contents, "bat", asked=["isa", "parent"])
    assert [row["value"] for row in some["property"]] == ["flyer", "mammal"]
    assert "designation" not in some
    assert [row["value"] for row in told(contents, "dog", asked=["lang.fr"])["designation"]] == ["chien"]
    german = told(contents, "cat", language="de")
    assert german["display"] == ["Katze"]
    supplement = contents.supplement("http://example.org/animals-in-german")
    sound = told(contents, "cat", asked=["sound"], supplements=[supplement])["property"]
    assert sound == [{"code": "sound", "value": "miau", "source": "http://example.org/animals-in-german"}]


def test_languages_fit_by_their_first_part(contents: Contents) -> None:
    assert words.fits("de", "DE") == 2
    assert words.fits("de-CH", "de") == words.fits("de", "de-CH") == 1
    assert words.fits("de", "den") == words.fits("de", None) == 0
    entry = Entry("x", None, "c", {"display": "C"})
    assert words.display(entry, "de") == "C"
