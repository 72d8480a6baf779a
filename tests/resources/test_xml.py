"""FHIR XML both ways: held against every official example, generated primitives and a table of refusals."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver import fhirjson
from fhirserver.errors import FhirError, Malformed, NotAcceptable
from fhirserver.resources.registry import Release
from fhirserver.resources.xml import from_xml, to_xml
from tests.packages import examples

CASES = json.loads((Path(__file__).parents[1] / "cases" / "xml_refusals.json").read_text())
_ordered = msgspec.json.Encoder(decimal_format="number", order="sorted")

Json = dict[str, Any]
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">a</div>'


def exactly(resource: Json) -> bytes:
    """Bytes in which 1.0 and 1.00 differ and the order of properties does not matter."""
    return _ordered.encode(resource)


def patient(inner: str) -> Json:
    return from_xml("R5", f'<Patient xmlns="http://hl7.org/fhir">{inner}</Patient>'.encode())


# -- round trips -----------------------------------------------------------------------------------------------------


def test_official_examples_come_back_from_xml_as_they_were() -> None:
    # make examples has all of them there and back.
    count = 0
    for name, resource in examples("R5", 4):
        count += 1
        assert exactly(from_xml("R5", to_xml("R5", resource))) == exactly(resource), name
    assert count > 600


@pytest.mark.parametrize("release", ["R5", "R4"])
def test_indented_xml_says_the_same(release: Release) -> None:
    for name, resource in examples(release, 40):
        assert exactly(from_xml(release, to_xml(release, resource, pretty=True))) == exactly(resource), name


_text = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\n\r &<>\"'"),
    min_size=1,
    max_size=12,
)
_decimal = st.decimals(allow_nan=False, allow_infinity=False, places=3) | st.sampled_from(
    [Decimal(text) for text in ("1.00", "0.0", "-0.0", "1E+2", "1.50E-7", "123456789012345678.123456789012345")]
)
_extension = st.builds(lambda text: {"extension": [{"url": "http://example.org/e", "valueString": text}]}, _text)
_pair = st.one_of(st.tuples(_text, st.none()), st.tuples(st.none(), _extension), st.tuples(_text, _extension))


@settings(max_examples=200, deadline=None)
@given(
    given_names=st.lists(_pair, min_size=1, max_size=5),
    number=_decimal,
    note=_text,
    long=st.integers(-(2**63), 2**63 - 1),
)
def test_any_text_number_and_array_of_primitives_survives(
    given_names: list[tuple[str | None, Json | None]], number: Decimal, note: str, long: int
) -> None:
    name: Json = {}
    if any(value is not None for value, _ in given_names):
        name["given"] = [value for value, _ in given_names]
    if any(beside is not None for _, beside in given_names):
        name["_given"] = [beside for _, beside in given_names]
    resource = {
        "resourceType": "Patient",
        "extension": [
            {"url": "http://example.org/a", "valueDecimal": number},
            {"url": "http://example.org/b", "valueInteger64": str(long)},
            {"url": "http://example.org/c", "valueMarkdown": note},
        ],
        "name": [name],
    }
    for pretty in (False, True):
        assert exactly(from_xml("R5", to_xml("R5", resource, pretty=pretty))) == exactly(resource)


# -- writing ---------------------------------------------------------------------------------------------------------


def test_elements_are_written_in_the_order_of_the_definitions() -> None:
    resource = {
        "birthDate": "1980-02-29",
        "_birthDate": {"extension": [{"valueCode": "x", "url": "http://example.org/e"}], "id": "b"},
        "name": [{"given": ["Anna", "B & C"], "family": 'Mü"ller', "id": "n"}],
        "id": "a",
        "active": True,
        "resourceType": "Patient",
    }
    assert to_xml("R5", resource).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?><Patient xmlns="http://hl7.org/fhir"><id value="a"/>'
        '<active value="true"/><name id="n"><family value="Mü&quot;ller"/><given value="Anna"/>'
        '<given value="B &amp; C"/></name><birthDate id="b" value="1980-02-29">'
        '<extension url="http://example.org/e"><valueCode value="x"/></extension></birthDate></Patient>'
    )


def test_pretty_xml_is_indented_and_leaves_the_narrative_alone() -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><p>a <b>b</b>\n  c<br/></p><td></td></div>'
    resource = {"resourceType": "Patient", "text": {"status": "generated", "div": div}, "active": False}
    assert to_xml("R5", resource, pretty=True).decode().splitlines()[1:5] == [
        '<Patient xmlns="http://hl7.org/fhir">',
        "  <text>",
        '    <status value="generated"/>',
        '    <div xmlns="http://www.w3.org/1999/xhtml"><p>a <b>b</b>',
    ]
    assert from_xml("R5", to_xml("R5", resource)) == resource


@pytest.mark.parametrize(
    ("resource", "expression"),
    [
        ({"resourceType": "Patient", "name": [{}, {"family": "a\uffffb"}]}, "Patient.name[1].family"),
        ({"resourceType": "Patient", "name": [{"given": ["a", "\x01"]}]}, "Patient.name[0].given[1]"),
        ({"resourceType": "Patient", "contact": [{"foo": 1}]}, "Patient.contact[0].foo"),
        ({"resourceType": "Patient", "name": {"family": "a"}}, "Patient.name"),
        ({"resourceType": "Patient", "birthDate": ["2000"]}, "Patient.birthDate"),
        ({"resourceType": "Patient", "maritalStatus": "M"}, "Patient.maritalStatus"),
        ({"resourceType": "Patient", "name": [{"given": [None]}]}, "Patient.name[0].given[0]"),
        ({"resourceType": "Patient", "extension": [{"url": 1}]}, "Patient.extension[0].url"),
        ({"resourceType": "Patient", "text": {"div": "<p>a</p><p/>"}}, "Patient.text.div"),
        ({"resourceType": "Patient", "text": {"div": "<div>a</div>"}}, "Patient.text.div"),
        ({"resourceType": "Patient", "text": {"div": f"<?xml version='1.0'?>{DIV}"}}, "Patient.text.div"),
        ({"resourceType": "Patient", "text": {"div": f"<!DOCTYPE div>{DIV}"}}, "Patient.text.div"),
        ({"resourceType": "Patient", "text": {"div": 1}}, "Patient.text.div"),
        ({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "X"}}]}, "Bundle.entry[0].resource"),
        ({"resourceType": "Bundle", "entry": [{"resource": 1}]}, "Bundle.entry[0].resource"),
        ({"resourceType": 1}, "Resource"),
    ],
)
def test_what_xml_cannot_carry_is_refused_with_its_path(resource: Json, expression: str) -> None:
    with pytest.raises(NotAcceptable) as refusal:
        to_xml("R5", resource)
    assert refusal.value.issues[0].expression == (expression,)
    assert "JSON" in refusal.value.issues[0].diagnostics


# -- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_what_is_no_fhir_xml_is_refused_with_its_place(case: dict[str, str | None]) -> None:
    with pytest.raises(Malformed) as refusal:
        from_xml("R5", str(case["xml"]).encode())
    issue = refusal.value.issues[0]
    assert issue.expression == ((case["expression"],) if case["expression"] else ())
    assert str(case["says"]) in issue.diagnostics


def test_values_have_the_json_type_of_their_element() -> None:
    found = from_xml(
        "R5",
        b'<Observation xmlns="http://hl7.org/fhir"><id value="a"/><extension url="http://x.org/e">'
        b'<valueInteger64 value="9007199254740993"/></extension><status value=" final "/>'
        b'<valueQuantity><value value="1.00"/></valueQuantity><component><valueInteger value="+5"/></component>'
        b'<component><valueBoolean value="false"/></component><component><valueString value=" a&#10;b "/></component>'
        b"</Observation>",
    )
    assert found == {
        "resourceType": "Observation",
        "id": "a",
        "extension": [{"url": "http://x.org/e", "valueInteger64": "9007199254740993"}],
        "status": "final",
        "valueQuantity": {"value": Decimal("1.00")},
        "component": [{"valueInteger": 5}, {"valueBoolean": False}, {"valueString": " a\nb "}],
    }
    assert str(found["valueQuantity"]["value"]) == "1.00"
    assert type(found["component"][0]["valueInteger"]) is int


def test_primitives_without_a_value_leave_nulls_or_nothing() -> None:
    absent = '<extension url="http://x.org/a"><valueCode value="b"/></extension>'
    beside = {"extension": [{"url": "http://x.org/a", "valueCode": "b"}]}
    assert patient(f'<name><given value="A"/><given>{absent}</given><given id="c" value="C"/></name>')["name"] == [
        {"given": ["A", None, "C"], "_given": [None, beside, {"id": "c"}]}
    ]
    assert patient(f"<name><given>{absent}</given></name>")["name"] == [{"_given": [beside]}]
    assert patient(f"<birthDate>{absent}</birthDate>") == {"resourceType": "Patient", "_birthDate": beside}


def test_comments_instructions_and_white_space_are_no_content() -> None:
    found = from_xml(
        "R5",
        b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?>\n<?xml-stylesheet href="a"?><!-- a -->\n'
        b'<Patient xmlns="http://hl7.org/fhir">\r\n\t<!-- <active value="false"/> --><active value="true">'
        b"<!-- b --></active><?c?>\n</Patient><!-- d -->",
    )
    assert found == {"resourceType": "Patient", "active": True}


def test_namespaces_may_have_prefixes() -> None:
    found = from_xml(
        "R5",
        b'<f:Patient xmlns:f="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml" xmlns:xsi="http://x.org">'
        b'<f:text><f:status value="generated"/><h:div title="a&#10;&lt;b"><h:p xml:lang="en">1 &lt; 2<h:br/></h:p>'
        b"<h:p></h:p></h:div></f:text>"
        b'<f:contained><f:Group><f:active value="true"/></f:Group></f:contained></f:Patient>',
    )
    assert found["text"]["div"] == (
        '<div xmlns="http://www.w3.org/1999/xhtml" title="a&#10;&lt;b"><p xml:lang="en">1 &lt; 2<br/></p><p></p></div>'
    )
    assert found["contained"] == [{"resourceType": "Group", "active": True}]
    again = patient('<text><status value="generated"/><h:div xmlns:h="http://www.w3.org/1999/xhtml">a</h:div></text>')
    assert again["text"]["div"] == '<div xmlns="http://www.w3.org/1999/xhtml">a</div>'


def test_a_narrative_is_kept_byte_for_byte() -> None:
    div = "<div xmlns='http://www.w3.org/1999/xhtml' ><a  name=\"x\"></a><td/>&#160;&gt;<!-- c -->é\r\n<br /></div >"
    assert patient(f'<text><status value="generated"/>{div}</text>')["text"]["div"] == div
    empty = '<div xmlns="http://www.w3.org/1999/xhtml"/>'
    assert patient(f'<text>{empty}</text><active value="true"/>')["text"]["div"] == empty


def test_nesting_ends_where_it_does_in_json() -> None:
    def nested(levels: int) -> str:
        opened = '<extension url="http://x.org/e">' * levels
        return f'{opened}<valueString value="a"/>{"</extension>" * levels}'

    def json_takes(resource: Json) -> bool:
        try:
            fhirjson.loads_resource(fhirjson.dumps(resource))
        except FhirError:
            return False
        return True

    deepest = max(n for n in range(1, 40) if json_takes({"resourceType": "Patient", **_nested(n)}))
    assert patient(nested(deepest)) == {"resourceType": "Patient", **_nested(deepest)}
    with pytest.raises(Malformed) as refusal:
        patient(nested(deepest + 1))
    assert refusal.value.issues[0].code == "too-long"
    with pytest.raises(Malformed):
        patient(nested(100_000))


def _nested(levels: int) -> Json:
    inner: Json = {"valueString": "a"}
    for _ in range(levels):
        inner = {"extension": [{"url": "http://x.org/e", **inner}]}
    return inner


def test_a_long_value_is_read_whole() -> None:
    text = "QUJD" * 5_000_000
    data = f'<Binary xmlns="http://hl7.org/fhir"><contentType value="a/b"/><data value="{text}"/></Binary>'.encode()
    assert from_xml("R5", data)["data"] == text


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=60), at=st.integers(0, 400))
def test_broken_bytes_are_refused_and_nothing_else(data: bytes, at: int) -> None:
    whole = to_xml("R5", {"resourceType": "Patient", "name": [{"given": ["a", "b"]}], "birthDate": "2000"})
    with contextlib.suppress(FhirError):
        from_xml("R5", whole[:at] + data + whole[at + len(data) // 2 :])
