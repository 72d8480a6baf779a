"""Whatever is missing, extra or odd in a record of another registry or a study definition, it is mapped and valid."""

import copy
import importlib
import json
import re
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from fhirserver.errors import BadRequest, Malformed
from fhirserver.fhirjson import dumps, is_id
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.durations import duration
from fhirserver.mappers.protocol_document import xhtml
from fhirserver.mappers.readers import read
from fhirserver.mappers.readers.ctgov_xml_words import prose

CASES = Path(__file__).parents[1] / "cases"
FORMATS = ("usdm", "ctis", "euctr", "isrctn")
RECORDS = {name: json.loads((CASES / f"mappers_{name}.json").read_text()) for name in FORMATS}
XML = (CASES / "mappers_record.xml").read_bytes()
AT = "2026-01-01T00:00:00Z"

odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        ["", " ", "<b>&", "<usdm:ref id='x'/>", "N/A", "2014-13", "\x00", "＊", "UNKNOWN", "P1M2D", "-P3W"]
    ),
    st.lists(st.one_of(st.text(max_size=5), st.integers(), st.none()), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def model(kind):
    return getattr(importlib.import_module(f"fhir.resources.{kind.lower()}"), kind)


def checked(data):
    """The resources of a record, each valid and of its own; nothing where it is no record any more."""
    try:
        reading = read(data)
    except (BadRequest, Malformed):
        return None
    bundle, issues = transaction(reading, at=AT)
    for entry in bundle["entry"]:
        model(entry["resource"]["resourceType"]).model_validate_json(dumps(entry["resource"]))
    assert all(is_id(entry["resource"]["id"]) for entry in bundle["entry"])
    assert len({entry["fullUrl"] for entry in bundle["entry"]}) == len(bundle["entry"])
    assert all(issue.severity in ("warning", "information") for issue in issues)
    return bundle


def places(value, path=()):
    found = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        found += [(*path, key), *places(child, (*path, key))]
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_a_record_with_fields_missing_or_of_odd_types_is_still_mapped(name):
    every = places(RECORDS[name])

    @few
    @given(st.lists(st.tuples(st.sampled_from(every), st.one_of(st.just(...), odd)), max_size=8))
    def holds(changes):
        record = copy.deepcopy(RECORDS[name])
        for place, value in changes:
            target = record
            try:
                for key in place[:-1]:
                    target = target[key]
                if value is ...:
                    del target[place[-1]]
                else:
                    target[place[-1]] = value
            except (KeyError, IndexError, TypeError):
                continue
        checked(json.dumps(record).encode())

    holds()


words = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=20)


@few
@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from(("drop", "empty", "odd", "twice")), words), max_size=8)
)
def test_xml_with_elements_missing_empty_odd_or_twice_is_still_mapped(changes):
    root = etree.fromstring(XML)
    for number, how, text in changes:
        every = [one for one in root.iter() if isinstance(one.tag, str) and one is not root]
        if not every:
            break
        one = every[number % len(every)]
        match how:
            case "drop":
                one.getparent().remove(one)
            case "empty":
                one.text = ""
                for child in list(one):
                    one.remove(child)
            case "odd":
                one.text = text
                one.set("odd", text)
            case "twice":
                one.addnext(copy.deepcopy(one))
    assert checked(etree.tostring(root)) is not None


@few
@given(st.binary(max_size=100))
def test_what_begins_as_xml_is_read_or_refused(tail):
    with suppress(BadRequest, Malformed):
        read(b"<clinical_study>" + tail)


@few
@given(st.text(max_size=60))
def test_prose_loses_no_word(text):
    assert prose(text).split() == [word for line in text.splitlines() for word in line.split()]


tags = st.sampled_from(
    ["<p>", "</p>", "<ul>", "<li>", "</ul>", "<script>", "</script>", "<td>", "<img src='x'>", "&amp;"]
)


@few
@given(st.lists(st.one_of(tags, st.text(max_size=10)), max_size=12))
def test_formatted_text_becomes_a_narrative_that_is_well_formed(parts):
    div = xhtml("".join(parts))
    if div is not None:
        root = etree.fromstring(div)
        assert root.tag == "{http://www.w3.org/1999/xhtml}div"
        assert not re.search(r"<script|javascript:", div)


@few
@given(st.integers(0, 9999), st.sampled_from("YMWD"))
def test_a_duration_of_one_unit_keeps_its_number(count, unit):
    assert duration(f"P{count}{unit}")["value"] == count
