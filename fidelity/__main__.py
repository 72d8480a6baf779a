"""`python -m fidelity FOLDER...`: maps every trial record in the folders and prints how much of each FHIR keeps."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from fidelity import report
from fidelity.measured import Measured
from fidelity.measuring import measure_all

GATE = ("ctgov-v2", "protocolSection.")
"""What the least share is asked of."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measures; 1 where less than the least share was rebuilt, or nothing could be measured."""
    given = arguments(argv)
    console = Console()
    paths = list(files(given.folders))
    found, refused = measure_all(paths, given.jobs)
    for name in sorted(found):
        report.show(console, found[name], given.most)
    if refused:
        console.print(f"\n{len(refused)} of {len(paths)} files are no records that are measured:")
        for path, why in refused[: given.most]:
            console.print(f"  {path}: {why}", markup=False, soft_wrap=True)
    if given.json:
        given.json.write_text(json.dumps({name: one.told() for name, one in found.items()}, indent=1))
    return verdict(console, found, given.at_least)


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m fidelity", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="folders of records, or single files")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one a processor)")
    parser.add_argument("--most", type=int, default=30, help="paths that are printed of each kind (default 30)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured to a file")
    parser.add_argument("--at-least", type=float, default=0.995, help="least share of protocol sections rebuilt")
    return parser.parse_args(argv)


def files(folders: Iterable[Path]) -> Iterable[Path]:
    """Every file below the folders, in order; dotted ones are left out."""
    for folder in folders:
        if folder.is_dir():
            yield from sorted(one for one in folder.rglob("*") if one.is_file() and not one.name.startswith("."))
        else:
            yield folder


def verdict(console: Console, found: dict[str, Measured], least: float) -> int:
    """Says whether enough was rebuilt."""
    name, section = GATE
    share = found[name].share(section) if name in found else None
    if share is None:
        return 0 if found else 1
    enough = share >= least
    console.print(
        f"\nOf the protocol sections {100 * share:.3f} % of the leaf values were rebuilt; "
        f"{'at least' if enough else 'too few:'} {100 * least:g} % {'was' if enough else 'is'} asked for."
    )
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
