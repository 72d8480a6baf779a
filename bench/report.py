"""What a run found: a table for people, JSON for programs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import Result

_WIDTHS = (22, 10, 10, 8, 12, 0)


def heading() -> str:
    """The line above the table's rows."""
    return _line("work", "floor/s", "ours/s", "ratio", "at least", "")


def row(result: Result) -> str:
    """One work."""
    wanted = "–"
    if result.target is not None:
        wanted = f"{result.target:.2f}"
    elif result.at_least is not None:
        wanted = f"{result.at_least:,.0f}/s"
    said = {True: "met", False: "NOT MET", None: ""}[result.met]
    floor, ours = median(result.reference), median(result.ours)
    return _line(result.work, f"{floor:,.0f}", f"{ours:,.0f}", f"{result.ratio:.2f}", wanted, said)


def _line(*cells: str) -> str:
    first, *rest = zip(cells, _WIDTHS, strict=True)
    return "".join([first[0].ljust(first[1]), *(f"  {cell}".rjust(width) for cell, width in rest)]).rstrip()


def summary(results: Sequence[Result]) -> str:
    """How many targets are met."""
    judged = [result.met for result in results if result.met is not None]
    return f"{sum(judged)} of {len(judged)} targets met"


def write(file: Path, results: Iterable[Result], settings: dict[str, Any]) -> None:
    """The rounds of every work, with what is needed to read them."""
    machine = {"python": platform.python_version(), "system": platform.platform(), "processors": os.cpu_count()}
    works = [
        {
            "work": one.work,
            "floor_per_s": one.reference,
            "ours_per_s": one.ours,
            "ratio": one.ratio,
            "target_ratio": one.target,
            "target_per_s": one.at_least,
            "met": one.met,
        }
        for one in results
    ]
    file.write_text(json.dumps({"machine": machine, "settings": settings, "works": works}, indent=1) + "\n")
