"""Sends requests, a few at a time, and collects what was wrong with the answers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import httpx

from tests.fuzz.asks import Ask, complaints

AT_ONCE = 4


@dataclass
class Report:
    """How many requests were answered, by status, and those that were answered badly."""

    statuses: Counter[int] = field(default_factory=Counter)
    made: dict[str, Counter[int]] = field(default_factory=dict)
    bad: list[tuple[Ask, list[str]]] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """The number of requests."""
        return sum(self.statuses.values())

    def said(self, base: str, most: int = 20) -> str:
        """The complaints, each with a command that shows it."""
        return "\n\n".join(f"{ask.why}: {'; '.join(why)}\n{ask.curl(base)[:4000]}" for ask, why in self.bad[:most])


async def send(client: httpx.AsyncClient, asks: Iterable[Ask], at_once: int = AT_ONCE) -> Report:
    """Sends all of them."""
    report = Report()
    todo = iter(asks)

    async def worker() -> None:
        for ask in todo:
            await _one(client, ask, report)

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return report


async def _one(client: httpx.AsyncClient, ask: Ask, report: Report) -> None:
    headers = [(name.encode(), value.encode("utf-8", "replace")) for name, value in ask.headers.items()]
    # A path as it is: the client's own idea of a clean address would undo what was damaged.
    url = client.base_url.copy_with(raw_path=ask.path.encode("ascii", "replace"))
    try:
        answer = await client.request(ask.method, url, headers=headers, content=ask.body)
    except (httpx.RemoteProtocolError, httpx.ReadError) as error:
        report.bad.append((ask, [f"no answer ({type(error).__name__})"]))
        return
    except (httpx.LocalProtocolError, httpx.InvalidURL, UnicodeError):
        return  # the client library does not even send it
    # What was sent in the end: '/r5/..' is '/'.
    ask = replace(ask, path=answer.request.url.raw_path.decode())
    report.statuses[answer.status_code] += 1
    report.made.setdefault(ask.why, Counter())[answer.status_code] += 1
    found = complaints(ask, answer)
    if found:
        report.bad.append((ask, found))
