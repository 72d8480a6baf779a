"""Every console example of README.md and docs/operations.md, run in order against a server of its own."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import COMMAND, ENVIRONMENT, serving
from tests.docs.consoles import ADDRESS, SERVE, Shell, examples, fits

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "docs" / "operations.md", ROOT / "docs" / "research-search.md")


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A directory that looks like the project's to a reader: its seed, and the command in .venv/bin."""
    place = tmp_path / "project"
    bin_ = place / ".venv" / "bin"
    bin_.mkdir(parents=True)
    (place / "seed").symlink_to(ROOT / "seed")
    command = bin_ / "fhirserver"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    command.chmod(0o755)
    return place


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="the examples are for bash and curl")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_is_what_happens(page: Path, directory: Path) -> None:
    found = examples(page)
    assert len(found) > 3
    with serving(directory / ".fhirserver", "--seed") as server:
        address = server.url.removesuffix("/r5")
        shell = Shell(directory, address, ENVIRONMENT | {"PYTHONPATH": str(ROOT)})
        for example in found:
            if example.command == SERVE:
                printed = server.output.replace(address, ADDRESS)
            else:
                printed = shell.run(example.command)
            assert fits(example.expected, printed), (
                f"{example.page}:{example.line}: $ {example.command}\n--- the page says\n{example.expected}"
                f"--- it printed\n{printed}"
            )


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("a\nb\n", "a\nb", True),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\nb\n", "a\nb\n", True),
        ("…\n", "", True),
        ('"id": "…",\n', '"id": "7",\n', True),
        ('"id": "…",\n', '"id": "7"\n,\n', False),
        ("a.c\n", "abc\n", False),
        ("a\n", "a\nb\n", False),
        ("", "a\n", False),
    ],
)
def test_an_ellipsis_stands_for_anything_and_nothing_else_does(expected: str, actual: str, same: bool) -> None:
    assert fits(expected, actual) is same
