"""The page on validation says which invariants are not evaluated as published."""

from __future__ import annotations

from pathlib import Path

from fhirserver.resources.invariants.apart import APART, CORRECTED, COVERED

PAGE = (Path(__file__).parents[2] / "docs" / "validation.md").read_text()


def _rows(cells: int) -> list[list[str]]:
    """The rows of the section's tables that have so many cells, without their heads."""
    section = PAGE[PAGE.index("## Invariants") : PAGE.index("## How")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| ")]
    return [row for row in rows if len(row) == cells and "key" not in row]


def test_every_invariant_that_is_not_as_published_is_on_the_page() -> None:
    named = {
        (release, key.split(" ")[0])
        for releases, keys, _ in _rows(3)
        for release in releases.split(", ")
        for key in keys.split(", ")
    }
    on_names = {("R4", "csd-0"), ("R4", "vsd-0")}
    assert named - on_names == {(release, key) for release, _, key in [*APART, *CORRECTED]}


def test_every_invariant_that_another_check_covers_is_on_the_page() -> None:
    assert {key for keys, _ in _rows(2) for key in keys.split(", ")} == set(COVERED)
