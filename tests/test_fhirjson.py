"""JSON keeps every digit, dates become spans, references come apart."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, Malformed

FINITE = st.decimals(allow_nan=False, allow_infinity=False, places=6)
WORDS = st.text(st.characters(codec="utf-8", min_codepoint=32), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FINITE | WORDS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner), max_leaves=20)


@pytest.mark.parametrize("number", ["1.00", "0.000168", "123456789012.345678", "-0.10", "100", "18446744073709551616"])
def test_a_number_keeps_its_digits(number: str) -> None:
    assert fhirjson.dumps(fhirjson.loads(f'{{"value":{number}}}')) == f'{{"value":{number}}}'.encode()


@given(st.dictionaries(WORDS, VALUES))
def test_what_is_encoded_decodes_to_the_same(value: dict[str, object]) -> None:
    assert fhirjson.loads(fhirjson.dumps(value)) == value


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "not JSON"),
        (b"<Patient/>", "not JSON"),
        (b"[]", "no object"),
        (b"{}", "no 'resourceType'"),
        (b'{"resourceType":7}', "no 'resourceType'"),
        (b'{"resourceType":"Patient","id":"a","id":"b"}', "'id' appears twice"),
        (b'{"resourceType":"Patient","name":[{"text":"a\\u0000b"}]}', "control character"),
        (b'{"resourceType":"Patient","x":' + b"[" * 70 + b"]" * 70 + b"}", "nested deeper"),
        (b'{"resourceType":"Patient","x":' + b"[" * 100_000, "nested deeper|not JSON"),
        (b'{"resourceType":"\xff"}', "JSON"),
    ],
)
def test_a_body_that_is_no_resource_is_refused_with_the_reason(body: bytes, sentence: str) -> None:
    with pytest.raises(Malformed, match=sentence):
        fhirjson.loads_resource(body)


@pytest.mark.parametrize("size", [0, 20_000], ids=["small", "large"])
@pytest.mark.parametrize(("levels", "fits"), [(63, True), (64, False), (65, False)])
@pytest.mark.parametrize("inner", ["1", '"x"', "[]", "{}", "[1]"])
def test_a_body_is_as_deep_as_its_deepest_value_whether_it_is_small_or_large(
    size: int, levels: int, fits: bool, inner: str
) -> None:
    # The object and the array around the inner value are two of the levels.
    deep = inner[0] in "[{"
    arrays = levels - deep
    body = f'{{"resourceType":"Patient","pad":"{" " * size}x","x":{"[" * arrays}{inner}{"]" * arrays}}}'.encode()
    if fits:
        assert fhirjson.loads_resource(body)
    else:
        with pytest.raises(Malformed, match="nested deeper than 64 levels"):
            fhirjson.loads_resource(body)


def test_a_name_in_a_string_is_no_repeated_name() -> None:
    body = {"resourceType": "Patient", "name": [{"text": '"id": "a", "id": "b" \\" : '}], "id": "a"}
    assert fhirjson.loads_resource(json.dumps(body).encode()) == body


@given(st.dictionaries(WORDS, VALUES))
def test_no_honest_resource_is_taken_for_one_with_repeated_names(content: dict[str, object]) -> None:
    resource = content | {"resourceType": "Basic"}
    assert fhirjson.loads_resource(fhirjson.dumps(resource)) == resource


def test_canonical_form_ignores_order_and_version_but_no_digit() -> None:
    one = {"resourceType": "A", "v": Decimal("1.0"), "meta": {"versionId": "1", "lastUpdated": "x", "tag": []}}
    same = {"meta": {"tag": [], "versionId": "2"}, "v": Decimal("1.0"), "resourceType": "A"}
    assert fhirjson.canonical(one) == fhirjson.canonical(same)
    assert fhirjson.canonical(one) != fhirjson.canonical(same | {"v": Decimal("1.00")})
    assert fhirjson.canonical({"resourceType": "A", "meta": {"versionId": "1"}}) == b'{"resourceType":"A"}'


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2014", datetime(2014, 1, 1, tzinfo=UTC), datetime(2015, 1, 1, tzinfo=UTC)),
        ("2014-02", datetime(2014, 2, 1, tzinfo=UTC), datetime(2014, 3, 1, tzinfo=UTC)),
        ("2014-12", datetime(2014, 12, 1, tzinfo=UTC), datetime(2015, 1, 1, tzinfo=UTC)),
        ("2016-02-29", datetime(2016, 2, 29, tzinfo=UTC), datetime(2016, 3, 1, tzinfo=UTC)),
        ("2014-02-01T10:00Z", datetime(2014, 2, 1, 10, tzinfo=UTC), datetime(2014, 2, 1, 10, 1, tzinfo=UTC)),
        ("2014-02-01T10:00:00+02:00", datetime(2014, 2, 1, 8, tzinfo=UTC), datetime(2014, 2, 1, 8, 0, 1, tzinfo=UTC)),
    ],
)
def test_a_partial_date_is_the_span_it_stands_for(text: str, low: datetime, high: datetime) -> None:
    assert fhirjson.interval(text) == fhirjson.Interval(low, high)


@pytest.mark.parametrize("zone", ["+14:01", "-15:00", "+24:00", "+99:99", "+10:60"])
def test_a_time_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(BadRequest, match="time zone"):
        fhirjson.interval(f"2014-02-01T10:00:00{zone}")


@pytest.mark.parametrize("text", ["9999", "9999-12", "9999-12-31", "0001-01-01T00:00:00+14:00"])
def test_the_edges_of_the_calendar_are_spans_too(text: str) -> None:
    span = fhirjson.interval(text)
    assert span.low <= span.high


@pytest.mark.parametrize("text", ["", "14", "2014-13", "2015-02-29", "2014-2-1", "2014-02-01T10", "2014-02-01T25:00Z"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        fhirjson.interval(text)


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)))
def test_an_instant_reads_as_the_millisecond_it_names(at: datetime) -> None:
    at = at.replace(tzinfo=UTC)
    span = fhirjson.interval(fhirjson.instant(at))
    assert span.low <= at < span.high
    assert span.high - span.low == timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("Patient/7", fhirjson.LiteralReference("Patient", "7")),
        ("Patient/7/_history/2", fhirjson.LiteralReference("Patient", "7", "2")),
        ("https://a.b/r5/Patient/7", fhirjson.LiteralReference("Patient", "7", None, "https://a.b/r5/")),
        ("#p1", None),
        ("urn:uuid:1", None),
        ("Patient?identifier=1", None),
        ("patient/7", None),
        ("", None),
    ],
)
def test_a_literal_reference_comes_apart(reference: str, expected: fhirjson.LiteralReference | None) -> None:
    assert fhirjson.literal(reference) == expected
