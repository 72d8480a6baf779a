"""What a search asks MongoDB for, caught on its way, and what MongoDB says about each such command.

A client of its own with a listener runs the search once more: listeners cost every command, and nobody else pays.
https://www.mongodb.com/docs/manual/reference/command/explain/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from fhirserver.errors import TooCostly
from fhirserver.store.codec import OPTIONS, Document
from fhirserver.store.context import Context

_QUESTIONS = frozenset({"find", "aggregate", "count", "distinct"})
_ABOUT_THE_WAY = frozenset(
    {"lsid", "txnNumber", "readConcern", "batchSize", "maxTimeMS", "startTransaction", "autocommit"}
)
MEMBERS = "members"

Listening = Callable[[CommandListener], AsyncDatabase[Document]]
"""Opens the database by a client of its own, which tells a listener of its commands."""


@dataclass(slots=True)
class Asked:
    """A command as it was sent; `milliseconds` until its answer, None where there was none."""

    collection: str
    command: Document
    milliseconds: float | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """What MongoDB says about a command: its plan from the outside in, what was examined (None: too long)."""

    asked: Asked
    plan: str
    keys: int | None
    documents: int | None
    returned: int | None


class Trace(CommandListener):
    """The questions that were asked of resources, in order."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._open: dict[int, Asked] = {}

    def started(self, event: CommandStartedEvent) -> None:
        """Notes a question."""
        name = event.command_name
        if name not in _QUESTIONS:
            return
        collection = event.command[name]
        if isinstance(collection, str) and (collection[:1].isupper() or collection == MEMBERS):
            sent = {key: value for key, value in event.command.items() if not key.startswith("$")}
            asked = Asked(collection, {key: value for key, value in sent.items() if key not in _ABOUT_THE_WAY})
            self._open[event.request_id] = asked
            self.asked.append(asked)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Notes how long its answer took."""
        self._ended(event.request_id, event.duration_micros)

    def failed(self, event: CommandFailedEvent) -> None:
        """Notes when it was given up."""
        self._ended(event.request_id, event.duration_micros)

    def _ended(self, request: int, micros: int) -> None:
        asked = self._open.pop(request, None)
        if asked is not None:
            asked.milliseconds = micros / 1000


async def explain(ctx: Context, asked: Asked) -> Explained:
    """Asks MongoDB how it answers a command; where carrying it out takes too long, how it would."""
    try:
        found = await _explain(ctx, asked, {"verbosity": "executionStats", "maxTimeMS": ctx.search_timeout_ms})
    except TooCostly:
        found = await _explain(ctx, asked, {"verbosity": "queryPlanner"})
    totals: Counter[str] = Counter()
    stats = list(_named(found, "executionStats"))
    # Of what was ended for its time MongoDB tells how far it had come.
    whole = all(each.get("executionSuccess", True) for each in stats)
    for each in stats:
        for name in ("totalKeysExamined", "totalDocsExamined", "nReturned"):
            totals[name] += each.get(name, 0)
    plans = [_stage(plan.get("queryPlan", plan)) for plan in _named(found, "winningPlan")]
    plan = "; ".join(f"{count} times {text}" if count > 1 else text for text, count in Counter(plans).items())
    if not totals or not whole:
        return Explained(asked, plan, None, None, None)
    return Explained(asked, plan, totals["totalKeysExamined"], totals["totalDocsExamined"], totals["nReturned"])


async def _explain(ctx: Context, asked: Asked, how: Document) -> Document:
    with ctx.translated():
        # Commands do not take the database's own options, and filters hold decimals.
        return await ctx.db.command({"explain": asked.command, **how}, codec_options=OPTIONS)


def _named(found: Any, name: str) -> Iterator[Mapping[str, Any]]:
    """Every document of this name in an answer, what lies within one left aside."""
    if isinstance(found, Mapping):
        for key, value in found.items():
            if key == name and isinstance(value, Mapping):
                yield value
            elif key not in ("command", "parsedQuery", "rejectedPlans"):
                yield from _named(value, name)
    elif isinstance(found, list):
        for each in found:
            yield from _named(each, name)


def _stage(plan: Mapping[str, Any]) -> str:
    """A plan as text, such as LIMIT(FETCH(IXSCAN postings))."""
    name = str(plan.get("stage", "?"))
    if "indexName" in plan:
        name = f"{name} {plan['indexName']}{' backward' if plan.get('direction') == 'backward' else ''}"
    inputs = [plan["inputStage"]] if "inputStage" in plan else plan.get("inputStages", ())
    shards = [shard.get("winningPlan", {}) for shard in plan.get("shards", ())]
    inner = Counter(_stage(each) for each in (*inputs, *shards))
    said = ", ".join(f"{count} × {text}" if count > 1 else text for text, count in inner.items())
    return f"{name}({said})" if said else name
