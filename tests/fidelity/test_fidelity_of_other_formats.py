"""How much of records in other formats is found: all of made-up ones, and not what has no place."""

import json
from pathlib import Path

import pytest

from fhirserver.mappers.readers import read
from fidelity.formats import FORMATS
from fidelity.formats.searched import KEYS
from fidelity.found import Output, other, plain

CASES = Path(__file__).parents[1] / "cases"


def measured(data):
    reading = read(data)
    return FORMATS[reading.format]("record", data, reading)


def values(found):
    """The share of values, keys aside."""
    total = sum(count for module, count in found.total.items() if module != KEYS)
    return sum(count for module, count in found.kept.items() if module != KEYS) / total


def test_every_text_and_attribute_of_classic_xml_is_kept():
    found = measured((CASES / "mappers_record.xml").read_bytes())
    assert found.lost == {}
    assert found.share() == 1


def test_an_element_of_xml_without_a_place_is_lost():
    data = (CASES / "mappers_record.xml").read_bytes().replace(b"</condition>", b"</condition><mood>bad</mood>")
    assert measured(data).lost == {"/clinical_study/mood": 1}


@pytest.mark.parametrize(("name", "least"), [("isrctn", 0.98), ("usdm", 0.93), ("euctr", 0.97), ("ctis", 0.89)])
def test_nearly_all_values_are_found(name, least):
    found = measured((CASES / f"mappers_{name}.json").read_bytes())
    assert values(found) >= least, found.lost


def test_a_short_value_that_changes_nothing_is_lost():
    record = json.loads((CASES / "mappers_isrctn.json").read_text())
    record["trialDescription"]["mood"] = "Yes"
    assert measured(json.dumps(record).encode()).lost["trialDescription.mood"] == 1


def test_a_short_text_is_not_found_within_another():
    output = Output([{"resourceType": "Basic", "code": {"text": "Yesterday it rained"}}])
    assert not output.says("Yes")
    assert output.says("Yesterday it <b>rained</b>")


@pytest.mark.parametrize(
    ("value", "changed"), [(True, False), (3, 4), ("Yes", "No"), ("P2W", "P3W"), ("plain", "plainx")]
)
def test_another_value_is_of_the_same_kind(value, changed):
    assert other(value) == changed


def test_markup_and_white_space_do_not_count():
    assert plain("<p>a &lt;\n  b</p>") == "a < b"
