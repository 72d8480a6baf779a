"""`python -m bench`: starts a mongod, the floor and our server, loads both, measures every work, prints the ratios."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import data, imports, measure, profiles, records, report, servers
from bench.client import BenchError
from bench.servers import Running
from bench.works import WORKS

NAMES = (*(work.name for work in WORKS), imports.NAME)


def main() -> int:
    """Measures; 1 when an answer was wrong, so that its numbers mean nothing."""
    given = arguments()
    try:
        with tempfile.TemporaryDirectory(prefix="fhirserver-bench-") as name:
            if given.profile:
                profiles.run(given, Path(name))
            else:
                run(given, Path(name))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full data set (default 1.0)")
    parser.add_argument("--requests", type=int, default=2000, help="requests of a work, a round and a side")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each work")
    parser.add_argument("--workers", type=int, default=1, help="processes of our server (default 1, as the floor has)")
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="WORK", help=f"some of: {', '.join(NAMES)}")
    parser.add_argument(
        "--records", type=Path, metavar="DIR", help="trial records to import, instead of generated ones"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round to a file")
    parser.add_argument("--profile", choices=NAMES[:-1], metavar="WORK", help="profile our server under one work")
    parser.add_argument("--floor-only", action="store_true", help="measure the floor against itself")
    return parser.parse_args(argv)


def run(given: argparse.Namespace, folder: Path) -> None:
    """Starts everything, measures the works that were chosen and prints a row each."""
    sizes = data.Sizes.scaled(given.scale)
    made = data.generate(sizes)
    results: list[measure.Result] = []
    with contextlib.ExitStack() as stack:
        uri = stack.enter_context(servers.mongod(folder))
        floor = stack.enter_context(servers.floor(uri, folder))
        second = (
            servers.floor(uri, folder, "floor2")
            if given.floor_only
            else servers.ours(uri, folder, workers=given.workers)
        )
        pair = (floor, stack.enter_context(second))
        print(f"{sizes}; {given.rounds} rounds of {given.requests} requests")
        for server in pair:
            loaded = measure.load(made, server)
            print(f"loaded {server.name}:", ", ".join(f"{type} {rate:,.0f}/s" for type, rate in loaded.items()))
        print(report.heading(), flush=True)
        works = [work for work in WORKS if not given.only or work.name in given.only]
        if given.floor_only:
            works = [work for work in works if work.release is None]
        for work in works:
            results.append(measure.rounds(work, made, pair, given.rounds, given.requests))
            print(report.row(results[-1]), flush=True)
        if not given.floor_only and (not given.only or imports.NAME in given.only):
            results.append(_imports(given, pair[1]))
            print(report.row(results[-1]), flush=True)
    print(report.summary(results))
    if given.json:
        chosen = {name: getattr(given, name) for name in ("scale", "rounds", "requests")}
        report.write(given.json, results, chosen)


def _imports(given: argparse.Namespace, server: Running) -> measure.Result:
    if given.records:
        chosen = records.from_folder(given.records)
    else:
        chosen = records.generate(given.rounds * max(4, given.requests // 20))
    return imports.measure(server, chosen, given.rounds)


if __name__ == "__main__":
    sys.exit(main())
