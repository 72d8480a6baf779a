"""fhir-kit-client of npm, run by node: the checks are those of node/checks.js."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packages import node_modules

SOURCE = Path(__file__).parent / "node"
CHECKS = re.findall(r"^  async (\w+)\(\) {", (SOURCE / "checks.js").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def place() -> Path:
    """Where the checks stand beside the client they import."""
    found = node_modules(SOURCE)
    shutil.copy(SOURCE / "checks.js", found)
    return found


@pytest.mark.parametrize("name", CHECKS)
def test_what_the_client_does_works(place: Path, base: str, name: str) -> None:
    done = subprocess.run(
        ["node", "checks.js", base, name], cwd=place, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_check_is_forgotten() -> None:
    assert len(CHECKS) > 5
