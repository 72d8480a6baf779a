"""What a request gives for an operation's parameters: read from both places, or refused by name."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhirserver.errors import BadRequest, FhirError
from fhirserver.resources.arguments import Arguments, Parameter, arguments

ROWS = (
    Parameter("text", "string", "Some text."),
    Parameter("day", "date", "A day."),
    Parameter("when", "instant", "A time."),
    Parameter("types", "code", "Types.", max=None),
    Parameter("mode", "code", "A mode.", codes=("create", "update")),
    Parameter("flag", "boolean", "Yes or no."),
    Parameter("count", "positiveInt", "How many."),
    Parameter("factor", "decimal", "By how much."),
    Parameter("who", "Reference", "Whom.", targets=("Patient",)),
    Parameter("resource", "Resource", "What."),
)


def parameters(*given: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": list(given)} if given else {"resourceType": "Parameters"}


def read(body: dict[str, Any] | None = None, *query: tuple[str, str], rows: tuple[Parameter, ...] = ROWS) -> Arguments:
    return arguments("R5", "do", rows, body, query)


def test_values_of_the_body_and_of_the_url_come_together() -> None:
    given = read(
        parameters(
            {"name": "types", "valueCode": "Patient"},
            {"name": "who", "valueReference": {"reference": "Patient/1"}},
            {"name": "factor", "valueDecimal": Decimal("1.00")},
        ),
        ("types", "Group"),
        ("flag", "true"),
        ("count", "3"),
        ("_format", "json"),
    )
    assert given.all("types") == ["Patient", "Group"]
    assert (given.one("flag"), given.one("count"), given.one("text"), given.one("text", "x")) == (True, 3, None, "x")
    assert str(given.one("factor")) == "1.00"
    assert given.where("who") == "Parameters.parameter[1]"
    assert given.where("flag") == "flag"
    assert str(read(None, ("factor", "2.50")).one("factor")) == "2.50"


def test_the_only_resource_may_be_the_body_itself() -> None:
    patient = {"resourceType": "Patient", "active": "not checked here"}
    assert read(patient).one("resource") == patient
    assert read(parameters({"name": "resource", "resource": patient})).one("resource") == patient


def test_primitives_that_are_written_alike_are_taken_for_each_other() -> None:
    assert read(parameters({"name": "text", "valueCode": "a"})).one("text") == "a"
    assert read(parameters({"name": "day", "valueDateTime": "2024-02-01"})).one("day") == "2024-02-01"
    assert read(parameters({"name": "mode", "valueString": "create"})).one("mode") == "create"


@pytest.mark.parametrize(
    ("body", "query", "where", "word"),
    [
        (parameters({"name": "nothing", "valueString": "x"}), (), "Parameters.parameter[0].name", "nothing"),
        (parameters({"name": "text", "valueInteger": 1}), (), "Parameters.parameter[0]", "valueString"),
        (parameters({"name": "text", "part": [{"name": "x", "valueString": "y"}]}), (), "Parameters.parameter[0]", ""),
        (parameters({"name": "day", "valueDateTime": "2024-02-01T10:00:00Z"}), (), "Parameters.parameter[0]", "date"),
        (parameters({"name": "mode", "valueCode": "burn"}), (), "Parameters.parameter[0]", "create, update"),
        (parameters({"name": "resource", "valueString": "x"}), (), "Parameters.parameter[0]", "resource"),
        (parameters(*[{"name": "text", "valueString": "x"}] * 2), (), "Parameters.parameter[1]", "once"),
        (parameters({"name": "text", "valueString": "x"}), (("text", "y"),), "text", "once"),
        (parameters({"valueString": "x"}), (), "Parameters.parameter[0].name", ""),
        (parameters({"name": "text", "valueString": 1}), (), "Parameters.parameter[0].value", ""),
        (
            parameters({"name": "text", "valueString": "x", "modifierExtension": [{"url": "urn:x", "valueCode": "y"}]}),
            (), "Parameters.parameter[0].modifierExtension", "",
        ),
        (None, (("nothing", "x"),), "nothing", "it has text"),
        (None, (("count", "0"),), "count", "positiveInt"),
        (None, (("count", "x"),), "count", ""),
        (None, (("flag", "yes"),), "flag", "true or false"),
        (None, (("day", "yesterday"),), "day", "YYYY-MM-DD"),
        (None, (("day", "2023-02-29"),), "day", "calendar"),
        (None, (("when", "2023-02-28"),), "when", "time zone"),
        (None, (("text", ""),), "text", "empty"),
        (None, (("who", "Patient/1"),), "who", "POST"),
        (None, (("factor", "1e99999"),), "factor", ""),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(
    body: dict[str, Any] | None, query: tuple[tuple[str, str], ...], where: str, word: str
) -> None:
    with pytest.raises(FhirError) as refused:
        read(body, *query)
    assert refused.value.status in (400, 422)
    assert refused.value.issues[0].expression[0].startswith(where), refused.value.issues
    assert word in refused.value.issues[0].diagnostics


def test_what_is_missing_is_named() -> None:
    with pytest.raises(BadRequest, match="'who'") as refused:
        read(rows=(Parameter("who", "Reference", "Whom.", min=1),))
    assert refused.value.issues[0].code == "required"


def test_a_resource_where_none_is_taken_is_refused() -> None:
    with pytest.raises(BadRequest, match="takes a Parameters resource"):
        read({"resourceType": "Patient"}, rows=ROWS[:3])
    with pytest.raises(BadRequest, match="takes a Group"):
        read({"resourceType": "Patient"}, rows=(Parameter("group", "Group", "A group."),))
