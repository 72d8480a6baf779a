"""The benchmark of searches at a tiny size: the same data each time, every part is printed. Nothing is judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import search_data, search_queries
from bench.search_data import TYPES, Sizes
from fhirserver.resources.validation import check
from fhirserver.search.named import named
from fhirserver.search.parse import parse

ROOT = Path(__file__).parents[2]
UNUSED = {
    "ResearchStudy": {
        *("classifier", "description", "eligibility", "focus-reference", "objective-description", "study-design"),
    },
    "ResearchSubject": set(),
    "Patient": set(),
    "Observation": {
        *("component-data-absent-reason", "component-value-canonical", "component-value-concept"),
        *("component-value-reference", "focus", "part-of", "value-canonical", "value-date", "value-reference"),
        "code-value-date",
    },
}  # fmt: skip
"""Parameters that the data have no values for, so that they are not searched by."""


@pytest.mark.parametrize("type_", TYPES)
def test_the_data_are_valid_and_always_the_same(type_: str) -> None:
    for number in range(40):
        resource = search_data.made(7, type_, number)
        assert resource == search_data.made(7, type_, number)
        check("R5", resource)
    assert search_data.made(7, type_, 1) != search_data.made(8, type_, 1)


def test_a_large_store_begins_with_a_small_one() -> None:
    small = {search_data.id_of(7, "Patient", number) for number in range(Sizes.of(10_000).counts["Patient"])}
    for number in range(Sizes.of(10_000).counts["Observation"] - 500, Sizes.of(10_000).counts["Observation"]):
        reference = search_data.made(7, "Observation", number)["subject"]["reference"]
        assert reference.removeprefix("Patient/") in small


@pytest.mark.parametrize("type_", TYPES)
def test_every_parameter_with_values_is_searched_by(type_: str) -> None:
    found = search_queries.queries(7, type_, 800)
    assert {"_in", "_text"}.isdisjoint(query.parameter for query in found)
    known = {code for code, it in named("R5", type_).items() if it.kind != "special"} - {"_in", "_text"}
    assert known - {query.parameter for query in found} <= UNUSED[type_]
    dates = [query.query for query in found if query.kind == "date" and query.parameter == "date"]
    for prefix in search_queries.PREFIXES:
        assert not dates or any(query.startswith(f"date={prefix}") for query in dates)
    for sort in search_queries.sorts(7, type_, 800):
        assert parse("R5", type_, [("_sort", sort.query.partition("=")[2])], strict=True).sort


def test_a_run_prints_every_aim(tmp_path: Path) -> None:
    small = ("--size", "600", "--small", "300", "--repeat", "1", "--processes", "1", "--cache-mb", "256")
    chosen = ("--only", "ResearchSubject", "--parameter", "status", "date")
    done = subprocess.run(
        [sys.executable, "-m", "bench.search", *small, *chosen, "--json", str(tmp_path / "r.json")],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("FHIRSERVER_")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    for line in ("600 resources:", "keys examined", "median latency", "every _sort", "chains and _has"):
        assert line in done.stdout
    result = json.loads((tmp_path / "r.json").read_text())
    assert len(result["rows"]) > 40
    assert all(row["cost"]["keys"] >= row["cost"]["returned"] for row in result["rows"] if not row["cost"]["refused"])
