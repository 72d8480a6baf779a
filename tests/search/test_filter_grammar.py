"""_filter is read as the specification's grammar says, and what is wrong in it is refused with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver import fhirjson
from fhirserver.errors import BadRequest
from fhirserver.search.filters import grammar
from fhirserver.search.filters.grammar import Expression, Joined, Negated, Step, parse
from fhirserver.search.parse import parse as parse_search

REFUSALS = fhirjson.loads((Path(__file__).parent.parent / "cases" / "filter_refusals.json").read_bytes())


def written(expression: Expression) -> str:
    """An expression with all its parentheses."""
    match expression:
        case Joined(joint, parts):
            return "(" + f" {joint} ".join(written(part) for part in parts) + ")"
        case Negated(part):
            return f"not({written(part)})"
        case grammar.Test(path, operator, value, _):
            return f"{'.'.join(map(step, path))} {operator} {fhirjson.dumps(value).decode()}"


def step(each: Step) -> str:
    type_ = f":{each.type}" if each.type else ""
    return each.name + type_ + (f"[{written(each.filter)}]" if each.filter else "")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('name co "pet"', 'name co "pet"'),
        ("given eq peter and birthdate ge 2014-10-10", '(given eq "peter" and birthdate ge "2014-10-10")'),
        ("code eq http://loinc.org|1234-5", 'code eq "http://loinc.org|1234-5"'),
        ("subject.name co pet", 'subject.name co "pet"'),
        ('a[b eq "has-component"].c pr true', 'a[b eq "has-component"].c pr "true"'),
        ("a eq 1 or b eq 2 and c eq 3", '((a eq "1" or b eq "2") and c eq "3")'),
        ("a eq 1 and b eq 2 or c eq 3", '((a eq "1" and b eq "2") or c eq "3")'),
        ("a eq 1 or (b eq 2 and c eq 3)", '(a eq "1" or (b eq "2" and c eq "3"))'),
        ("a eq 1 or b eq 2 or c eq 3", '(a eq "1" or b eq "2" or c eq "3")'),
        ("not(a eq 1) and not (b eq 2 or c eq 3)", '(not(a eq "1") and not((b eq "2" or c eq "3")))'),
        (r'a eq "x) and \"y\" \u0041]"', r'a eq "x) and \"y\" A]"'),
        ("((a eq 1))", 'a eq "1"'),
        ("  a   eq   1  ", 'a eq "1"'),
        ("a:Patient[b:Group.c eq 1].d.e eq 2", 'a:Patient[b:Group.c eq "1"].d.e eq "2"'),
        ("and eq or or or eq and", '(and eq "or" or or eq "and")'),
    ],
)
def test_it_is_read_from_left_to_right(text: str, read: str) -> None:
    assert written(parse(text, "_filter")) == read


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case["filter"])
@pytest.mark.parametrize("strict", [True, False])
def test_refusals(case: dict[str, Any], strict: bool) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse_search("R5", case["type"], [("_filter", case["filter"])], strict=strict)
    (issue,) = refusal.value.issues
    assert case["says"] in issue.diagnostics
    assert issue.expression == ("_filter",)
    assert issue.code == case.get("code", "invalid")


@pytest.mark.parametrize(
    "text",
    [
        " or ".join(["active eq true"] * 101),
        "(" * 21 + "active eq true" + ")" * 21,
        "not(" * 21 + "active eq true" + ")" * 21,
        " and active eq true or ".join(["active eq false"] * 15),
        'name eq "' + "x" * 4096 + '"',
    ],
    ids=["tests", "parentheses", "negations", "turns", "length"],
)
def test_it_is_bounded(text: str) -> None:
    with pytest.raises(BadRequest, match=r"more than|longer than"):
        parse_search("R5", "Patient", [("_filter", text)], strict=True)


NAMES = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_-]{0,5}\Z")
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\x7f", min_codepoint=32), max_size=6)
TESTS = st.builds(
    "{} {} {}".format, NAMES, st.sampled_from(["eq", "co"]), VALUES.map(lambda v: fhirjson.dumps(v).decode())
)
FILTERS = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner), inner.map("not({})".format)
    ),
    max_leaves=8,
)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(text=FILTERS)
def test_what_is_read_means_the_same_when_written_again(text: str) -> None:
    found = parse(text, "_filter")
    assert written(parse(written(found), "_filter")) == written(found)


@settings(deadline=None, derandomize=True, max_examples=500)
@given(text=st.text(st.sampled_from('ab _-"\\()[].: andornotequ1'), max_size=30))
def test_whatever_is_sent_is_read_or_refused(text: str) -> None:
    try:
        parse(text, "_filter")
    except BadRequest as refusal:
        said = refusal.issues[0].diagnostics
    else:
        said = "'_filter' "
    assert said.startswith("'_filter' ")
