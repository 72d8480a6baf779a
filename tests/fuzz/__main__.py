"""`python -m tests.fuzz`: a server of its own, 10,000 requests, and a command for each that was answered badly."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

from tests.cli.running import serving
from tests.fuzz.asks import Ask
from tests.fuzz.generated import asks as generated
from tests.fuzz.mutated import Mutator
from tests.fuzz.resources import whole
from tests.fuzz.run import Report, send

TYPES = "Patient,ResearchStudy,Group"


def main() -> int:
    """Sends the requests; 1 when an answer was bad."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000, help="how many requests (default 10000)")
    parser.add_argument("--seed", type=int, default=1, help="another number, other requests")
    parser.add_argument("--url", help="a server that runs, instead of one of its own; its data are changed")
    given = parser.parse_args()
    if given.url:
        return asyncio.run(fuzz(given.url.rstrip("/"), given.requests, given.seed))
    with tempfile.TemporaryDirectory(prefix="fhirserver-fuzz-") as folder, serving(Path(folder) / "data") as server:
        status = asyncio.run(fuzz(server.url.removesuffix("/r5"), given.requests, given.seed))
        print("".join(line for line in server.log if '"level":"error"' in line and '"message":"request"' not in line))
    return status


async def fuzz(url: str, count: int, number: int) -> int:
    """Half of the requests come from the document, half from resources that were damaged."""
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        resources = whole()
        for one in resources:
            await client.put(f"/r5/{one['resourceType']}/{one['id']}", json=one)
        documents = [(await client.get(f"/openapi.json{query}")).json() for query in ("", f"?types={TYPES}")]
        half = count // 2
        first = await send(client, islice(_generated(documents, half, number), half))
        second = await send(client, Mutator(resources, "/r5", number).asks(count - first.sent))
    for name, report in (("document", first), ("resources", second)):
        print(f"{name}: {report.sent} requests, {len(report.bad)} bad; {_by_status(report)}")
        for why, statuses in sorted(report.made.items()):
            print(f"  {why}: {', '.join(f'{status} × {number}' for status, number in sorted(statuses.items()))}")
        print(report.said(url))
    return 1 if first.bad or second.bad else 0


def _generated(documents: list[dict[str, Any]], count: int, number: int) -> Iterator[Ask]:
    operations = sum(len(item) - 1 for each in documents for item in each["paths"].values())
    # Some are made twice and sent once: a few more than it takes.
    each = count // operations // 2 + 2
    for document in documents:
        yield from generated(document, "/r5", whole(), each, number)


def _by_status(report: Report) -> str:
    return ", ".join(f"{status} × {number}" for status, number in sorted(report.statuses.items()))


if __name__ == "__main__":
    sys.exit(main())
