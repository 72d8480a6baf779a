"""The benchmark at a tiny size: every row is printed, every answer was checked. Nothing here is timed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = (
    *("read", "identifier", "subject-code", "code-date", "name", "birthdate", "study", "subject"),
    *(
        "study-include",
        "subject-code-include",
        "chain",
        "r4-read",
        "r4-code-date",
        "r4-subject-code-include",
        "create",
        "update",
        "transaction-of-3",
        "load-by-250",
    ),
    "import",
)
TINY = ("--scale", "0.004", "--requests", "16", "--rounds", "1")


async def bench(*arguments: str) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FHIRSERVER_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench", *TINY, *arguments),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_every_work_is_measured_and_printed(tmp_path: Path) -> None:
    status, out, err = await bench("--json", str(tmp_path / "result.json"))
    assert (status, err) == (0, "")
    printed = [line.split()[0] for line in out.splitlines() if line.strip()]
    assert [name for name in printed if name in ROWS] == list(ROWS)
    works = json.loads((tmp_path / "result.json").read_text())["works"]
    assert [one["work"] for one in works] == list(ROWS)
    assert all(rate > 0 for one in works for rate in (*one["floor_per_s"], *one["ours_per_s"]))


async def test_records_of_a_folder_that_are_no_trials_fail_loudly(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"no": "trial"}')
    status, _, err = await bench("--only", "import", "--records", str(tmp_path))
    assert status == 1
    assert err.startswith("bench: ")
