"""No text of a client reaches MongoDB but as a literal: never as an operator, a field name, a pattern or a script."""

from __future__ import annotations

import json
import re
from typing import Any

import bson
import regex
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fhirserver.errors import BadRequest
from fhirserver.search.chains import leaves
from fhirserver.search.mongo import to_mongo
from fhirserver.search.parameters import parameters
from fhirserver.search.parse import parse
from fhirserver.store.codec import OPTIONS

OPERATORS = {"$and", "$or", "$nor", "$in", "$nin", "$gt", "$gte", "$lt", "$lte", "$elemMatch", "$regex", "$options"}
FIELDS = {"t", "x", "x.k", "k", "lo", "hi", "u", "at", "_id"}
NAMES = [*parameters("R5", "Observation"), *parameters("R5", "Patient"), "_has:Group:member:code", "$where", "t", "x.k"]
MODIFIERS = [
    "",
    ":exact",
    ":contains",
    ":not",
    ":text",
    ":below",
    ":above",
    ":missing",
    ":identifier",
    ":of-type",
    ":text-advanced",
    ":code-text",
    ":$ne",
]
NASTY = [
    "$where",
    '{"$gt": ""}',
    ".*",
    "^a",
    "(a+)+$",
    "[$ne]",
    "a|b|c",
    "\\",
    "a\\",
    "a$b",
    "1$2",
    "\x00",
    "ﬃ",
    "eq",
    "ge2013",
    "\ud800",
]
VALUE = st.one_of(
    st.text(max_size=20), st.lists(st.sampled_from(NASTY), max_size=3).map("".join), st.sampled_from(NASTY)
)


# What the server itself writes around the literals of a pattern.
AHEAD = re.compile(
    r"""(\^\[\\s\\S\]\{\d+,\d+\} | \^(?:\w|\\-)+:text\\\|(\(\?:\.\*\ \)\? | \.\*)? | \(\?:\^\|\ \) | \^)?""",
    re.VERBOSE,
)
BEHIND = re.compile(r"(\(\?: \|\$\)|\$)?$")


def check(value: Any, codes: set[str], pattern: bool = False) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            known = name in OPERATORS | FIELDS or (name.startswith("f.") and name[2:].removesuffix(":exact") in codes)
            assert known, name
            check(inner, codes, name == "$regex")
    elif isinstance(value, list):
        for each in value:
            check(each, codes)
    elif pattern:
        literal = re.sub(r"\\(.)", "", BEHIND.sub("", AHEAD.sub("", value, count=1), count=1)).replace(" ?", " ")
        assert regex.fullmatch(r"[\w\p{M} ]*", literal), value


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    type_=st.sampled_from(["Observation", "Patient", "ValueSet", "ResearchStudy"]),
    name=st.sampled_from(NAMES),
    modifier=st.one_of(st.sampled_from(MODIFIERS), st.text(max_size=8)),
    value=VALUE,
)
@example(type_="Patient", name="name", modifier=":contains", value="(a+)+$")
@example(type_="Patient", name="name", modifier=":contains", value="a.*|^b")
@example(type_="Patient", name="name", modifier="", value="z" * 150 + ".*")
@example(type_="Patient", name="name", modifier=":text", value='"a .* (b" OR c$*')
@example(type_="Patient", name="name", modifier=":text", value="\u5317\u4eac x*")
@example(type_="Observation", name="code", modifier=":text-advanced", value='"a [b] c"* \u5317')
@example(type_="ValueSet", name="url", modifier=":contains", value="a.*[b")
@example(type_="ResearchStudy", name="_content", modifier="", value='"a .* (b" NOT c*')
def test_filters_hold_literals_only(type_: str, name: str, modifier: str, value: str) -> None:
    try:
        node = parse("R5", type_, [(name + modifier, value)], strict=False).filter
    except BadRequest:
        return
    if not leaves(node):
        found = to_mongo(node, "R5")
        check(found, set(parameters("R5", type_)))
        bson.encode(found, codec_options=OPTIONS)


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    name=st.sampled_from([*parameters("R5", "Observation"), "subject", "$where", "x.k"]),
    operator=st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "le", "po", "re", "pr", "$ne"]),
    value=VALUE,
    bare=st.booleans(),
)
@example(name="value-string", operator="ew", value="(a+)+$", bare=False)
def test_filters_in_a_language_of_their_own_hold_literals_too(name: str, operator: str, value: str, bare: bool) -> None:
    written = value if bare else json.dumps(value)
    try:
        node = parse("R5", "Observation", [("_filter", f"{name} {operator} {written}")], strict=True).filter
    except BadRequest:
        return
    if not leaves(node):
        found = to_mongo(node, "R5")
        check(found, set(parameters("R5", "Observation")))
        bson.encode(found, codec_options=OPTIONS)
