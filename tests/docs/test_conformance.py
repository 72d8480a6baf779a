"""The page on conformance: the tests it names are there, its numbers and exceptions are theirs."""

from __future__ import annotations

import ast
import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from tests.docs.test_docs import DOCS, ROOT, rows
from tests.official import REFUSED, TOO_LARGE

PAGE = DOCS / "conformance.md"
RULES = rows(PAGE, "| | section | rule | shown by |")
EXCEPTIONS = "| why | how many | which |"
ASIDE = "aside: "


@cache
def functions(file: str) -> frozenset[str]:
    """The test functions of a file below tests/."""
    tree = ast.parse((ROOT / "tests" / file).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize(("number", "section", "rule", "shown"), RULES, ids=[row[0] for row in RULES])
def test_every_rule_is_shown_by_tests_that_are_there(number: str, section: str, rule: str, shown: str) -> None:
    assert re.fullmatch(r"\[[^]]+\]\(https://hl7\.org/fhir/R5/http\.html(#[\w-]+)?\)", section)
    assert rule.endswith(".")
    if shown.startswith(ASIDE):
        return
    named = re.findall(r"`([\w/.]+)::(\w+)`", shown)
    assert ", ".join(f"`{file}::{name}`" for file, name in named) == shown
    for file, name in named:
        assert name.startswith("test_")
        assert name in functions(file), f"{file} has no {name}"


def test_the_numbers_are_those_of_the_table() -> None:
    aside = sum(row[3].startswith(ASIDE) for row in RULES)
    text = " ".join(PAGE.read_text().split())
    said = re.search(r"The page has (\d+) such rules: (\d+) hold here, (\d+) are about", text)
    assert said
    assert [int(number) for number in said.groups()] == [len(RULES), len(RULES) - aside, aside]
    assert [row[0] for row in RULES] == [str(number) for number in range(1, len(RULES) + 1)]


def test_no_test_of_the_rules_is_missing_from_the_page() -> None:
    page = PAGE.read_text()
    for name in functions("web/test_http_rules.py"):
        if name.startswith("test_"):
            assert f"::{name}`" in page, name


def test_the_exceptions_among_the_examples_are_those_of_the_tests() -> None:
    exceptions: dict[str, list[str]] = {}
    for name, why in (REFUSED["R5"] | TOO_LARGE).items():
        exceptions.setdefault(why, []).append(name.removesuffix(".json"))
    said = {why: (int(number), re.findall(r"`([^`]+)`", which)) for why, number, which in rows(PAGE, EXCEPTIONS)}
    assert said.keys() == exceptions.keys()
    for why, names in exceptions.items():
        number, which = said[why]
        assert number == len(names), why
        assert all(any(fnmatchcase(name, pattern) for pattern in which) for name in names), why
        assert all(any(fnmatchcase(name, pattern) for name in names) for pattern in which), why


def test_every_client_of_the_page_is_in_the_tests() -> None:
    clients = Path(ROOT / "tests" / "clients")
    for name, *_ in rows(PAGE, "| client | what it does here in the tests | what does not go |"):
        found = re.match(r"\[([\w-]+)\]", name)
        assert found
        assert (clients / f"test_{found[1].replace('-', '_')}.py").is_file()
