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

_WIDTHS = (22, 10, 10, 8, 8, 11, 0)


def heading() -> str:
    """The line above the table's rows."""
    return _line("work", "floor/s", "ours/s", "ratio", "cpu", "at least", "")


def row(result: Result) -> str:
    """One work."""
    wanted = "–"
    if result.target is not None:
        wanted = f"{result.target:.2f}"
    elif result.at_least is not None:
        wanted = f"{result.at_least:,.0f}/s"
    said = {True: "met", False: "NOT MET", None: ""}[result.met]
    floor, ours = median(result.reference.rates), median(result.ours.rates)
    cost = "–" if result.cost_ratio is None else f"{result.cost_ratio:.2f}"
    return _line(result.work, f"{floor:,.0f}", f"{ours:,.0f}", f"{result.ratio:.2f}", cost, wanted, said)


def _line(*cells: str) -> str:
    first, *rest = zip(cells, _WIDTHS, strict=True)
    return "".join([first[0].ljust(first[1]), *(f"  {cell}".rjust(width) for cell, width in rest)]).rstrip()


def summary(results: Sequence[Result]) -> str:
    """How many targets are met, and what the load generator needed: near a whole processor it is what is measured."""
    judged = [result.met for result in results if result.met is not None]
    busy = [share for result in results for share in result.generator]
    generator = f"; the load generator took {median(busy):.0%} of a processor, {max(busy):.0%} at most" if busy else ""
    return f"{sum(judged)} of {len(judged)} targets met{generator}"


def write(file: Path, results: Iterable[Result], settings: dict[str, Any]) -> None:
    """The rounds of every work, with what is needed to read them."""
    machine = {"python": platform.python_version(), "system": platform.platform(), "processors": os.cpu_count()}
    works = [
        {
            "work": one.work,
            "floor_per_s": one.reference.rates,
            "ours_per_s": one.ours.rates,
            "floor_cpu_s": one.reference.costs,
            "ours_cpu_s": one.ours.costs,
            "ratio": one.ratio,
            "cpu_ratio": one.cost_ratio,
            "generator_share": one.generator,
            "target_ratio": one.target,
            "target_per_s": one.at_least,
            "met": one.met,
        }
        for one in results
    ]
    file.write_text(json.dumps({"machine": machine, "settings": settings, "works": works}, indent=1) + "\n")
