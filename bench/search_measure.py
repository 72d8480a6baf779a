"""What a search costs: keys and documents that MongoDB examines, told by its explain, and milliseconds over HTTP."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self

from bench.client import BenchError
from bench.servers import HOST, Running
from fhirserver import fhirjson
from fhirserver.errors import FhirError
from fhirserver.interactions import search
from fhirserver.interactions.server import Server
from fhirserver.settings import Settings
from fhirserver.store.client import connect
from fhirserver.store.tracing import Trace

PAGE = 50
ENOUGH_MS = 5000


@dataclass(frozen=True, slots=True)
class Cost:
    """What is examined for a page, and how many matches it has; `plans` of all questions, `refused` and why."""

    keys: int = 0
    documents: int = 0
    returned: int = 0
    plans: tuple[str, ...] = ()
    refused: str | None = None

    @property
    def cheap(self) -> bool:
        """Whether at most twenty keys are examined for each match."""
        return self.keys <= 20 * max(1, self.returned)

    @property
    def sorts(self) -> bool:
        """Whether MongoDB sorts what it found itself, which it can only do with all of it."""
        return any("SORT(" in plan for plan in self.plans)


class Examiner:
    """The searches of one store as the server carries them out, each question explained; nothing is remembered."""

    def __init__(self, server: Server, trace: Trace) -> None:
        self._server = server
        self._trace = trace

    @classmethod
    @asynccontextmanager
    async def opened(cls, uri: str, database: str) -> AsyncIterator[Examiner]:
        """An examiner of a database."""
        trace = Trace()
        settings = Settings(mongodb_uri=uri, database=database, cache_mb=0, search_timeout_s=120)
        store = await connect(settings, uri, trace)
        try:
            yield cls(Server(settings, store, "R5", "http://bench/r5"), trace)
        finally:
            await store.close()

    async def cost(self, path: str) -> Cost:
        """What the first page of a search costs."""
        type_, _, query = path.partition("?")
        self._trace.asked.clear()
        try:
            params = [*search.query_params(query), ("_count", str(PAGE))]
            bundle = fhirjson.loads(await search.searchset(self._server, type_, params, strict=True))
        except FhirError as refusal:
            return Cost(refused=f"{refusal.issues[0].code}: {refusal}")
        explained = [await self._server.store.explain(asked) for asked in list(self._trace.asked)]
        return Cost(
            sum(each.keys or 0 for each in explained),
            sum(each.documents or 0 for each in explained),
            sum(1 for entry in bundle.get("entry", ()) if entry["search"]["mode"] == "match"),
            tuple(each.plan for each in explained),
        )


class Caller:
    """A client on one connection that is kept, which times what it asks."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self._connection = http.client.HTTPConnection(HOST, running.port, timeout=600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, path: str) -> tuple[int, dict[str, Any], float]:
        """Status, body and milliseconds of a GET below /r5, or of a link."""
        url = path if path.startswith("/") else f"/r5/{path}"
        began = time.perf_counter()
        self._connection.request("GET", url, headers={"Accept": "application/fhir+json", "Prefer": "handling=strict"})
        answer = self._connection.getresponse()
        content = answer.read()
        taken = (time.perf_counter() - began) * 1000
        return answer.status, json.loads(content), taken

    def latency(self, path: str, repeat: int) -> float:
        """The median of the milliseconds of a page, after one that is not counted."""
        asked = f"{path}&_count={PAGE}"
        status, body, _ = self.ask(asked)
        if status != 200:
            raise BenchError(f"{asked} is answered with {status}: {body['issue'][0]['diagnostics']}")
        found: list[float] = []
        # What takes seconds need not be asked so often to be known.
        while len(found) < repeat and sum(found) < ENOUGH_MS:
            found.append(self.ask(asked)[2])
        return median(found)

    def pages(self, path: str, most: int) -> list[str]:
        """The addresses of the pages of a search, `most` of them at most."""
        found = []
        url: str | None = f"{path}&_count={PAGE}"
        while url and len(found) < most:
            status, body, _ = self.ask(url)
            if status != 200:
                raise BenchError(f"{url} is answered with {status}")
            found.append(url)
            following = next((link["url"] for link in body["link"] if link["relation"] == "next"), None)
            url = following and following[following.index("/r5/") :]
        return found

    def memory(self) -> float:
        """The largest memory of the server's process so far, in MB; 0 where the system has no /proc."""
        status = Path(f"/proc/{self.running.pid}/status")
        if not status.exists():
            return 0.0
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
