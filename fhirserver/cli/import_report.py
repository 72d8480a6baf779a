"""What an import says: a row for each record as JSON, a file of such rows, and the sum for people.

docs/mapping.md says what stands in a row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from fhirserver import __version__, fhirjson
from fhirserver.cli import common
from fhirserver.cli.sources import Source
from fhirserver.errors import FhirError, Issue, StartupError
from fhirserver.interactions.import_changes import Change
from fhirserver.interactions.import_record import Imported
from fhirserver.mappers.tracing import Row as Traced
from fhirserver.mappers.tracing import trace

Row = dict[str, Any]

MOST = 40
"""Kinds of fields that the sum names."""
_INDEX = re.compile(r"\[\d+\]")
_FATES = {"mapped": "mapped", "kept": "kept", "recoded": "recoded", "left out": "left_out"}


def imported(source: Source, done: Imported, traced: bool) -> Row:
    """The row of a record that was stored; `traced` adds what became of each path."""
    study = next((change for change in done.changes if change.resource == done.study), None)
    if study is None and done.counts["created"] and not done.counts["unchanged"] + done.counts["updated"]:
        outcome = "created"
    else:
        outcome = "updated" if done.counts["created"] or done.counts["updated"] else "unchanged"
    if outcome == "updated" and _is_new(done):
        outcome = "created"
    row: Row = {
        "record": source.name,
        "outcome": outcome,
        "sha256": done.reading.sha256,
        "format": done.reading.format,
        "study": done.study,
        "resources": dict(sorted(done.counts.items())),
        "changes": [_change(change) for change in done.changes],
    }
    if traced:
        row |= _traces(trace(source.data, done.bundle, done.issues))
    row["issues"] = [_issue(issue) for issue in done.issues]
    return row


def _is_new(done: Imported) -> bool:
    """Whether the study itself was made just now; organisations and places may have been there."""
    first = done.entries[0].response if done.entries else None
    return first is not None and first.status.startswith("201")


def skipped(source: Source, study: str) -> Row:
    """The row of a record whose study came from the very same bytes."""
    return {"record": source.name, "outcome": "skipped", "study": study}


def failed(source: Source, error: Exception | str) -> Row:
    """The row of a record that was refused, or of a file that may be none."""
    if isinstance(error, FhirError):
        issues = [_issue(issue) for issue in error.issues]
    else:
        issues = [_issue(Issue("error", "exception" if isinstance(error, Exception) else "structure", str(error)))]
    passed = not source.asked and not (isinstance(error, FhirError) and error.status >= 500)
    return {"record": source.name, "outcome": "passed over" if passed else "failed", "issues": issues}


def sentence(row: Mapping[str, Any]) -> str:
    """Why a record was refused, in one line."""
    return "; ".join(f"{' '.join(issue['path'])} {issue['text']}".strip() for issue in row["issues"])


def _issue(issue: Issue) -> Row:
    return {
        "severity": issue.severity,
        "code": issue.code,
        "path": list(issue.expression),
        "text": issue.diagnostics,
    }


def _change(change: Change) -> Row:
    return {
        "resource": change.resource,
        "version": change.version,
        "withdrawn": change.withdrawn,
        "differences": [one.told for one in change.differences],
    }


def _traces(rows: Iterable[Traced]) -> Row:
    found: Row = {name: [] for name in _FATES.values()}
    for row in rows:
        found[_FATES[row.fate]].append(row.told)
    return found


class ReportFile:
    """JSON lines, each on disk when its record is done: what was said stays, whatever ends the run.

    A run adds to what is there: a line that begins it, a line a record, a line of its sum.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("ab")
        except OSError as error:
            raise StartupError(f"Cannot write the report {path}: {error.strerror}.") from None
        self.write({"run": "began", "at": _now(), "software": f"fhirserver {__version__}"})

    def write(self, row: Mapping[str, Any]) -> None:
        """Adds a line."""
        self._file.write(fhirjson.dumps(row) + b"\n")
        self._file.flush()

    def __enter__(self) -> ReportFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_: TracebackType | None
    ) -> None:
        self._file.close()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(slots=True)
class Tally:
    """The sum of a run."""

    records: Counter[str] = field(default_factory=Counter)
    resources: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    withdrawn: int = 0
    study: str = ""

    def add(self, row: Mapping[str, Any]) -> None:
        """Counts a record."""
        self.records[row["outcome"]] += 1
        self.resources.update(row.get("resources", {}))
        self.withdrawn += sum(change["withdrawn"] for change in row.get("changes", ()))
        self.study = row.get("study", "")
        if "study" in row:
            self.left.update(
                {_INDEX.sub("[*]", (issue["path"] or [issue["text"]])[0]) for issue in row.get("issues", ())}
            )

    @property
    def stored(self) -> int:
        """Records that went into the store."""
        return sum(self.records[name] for name in ("created", "updated", "unchanged"))

    def told(self, stopped: bool) -> Row:
        """As JSON."""
        return {
            "run": "stopped" if stopped else "ended",
            "at": _now(),
            "records": dict(sorted(self.records.items())),
            "resources": dict(sorted(self.resources.items())),
            "withdrawn": self.withdrawn,
        }

    def show(self) -> None:
        """Prints it for people."""
        counts = self.resources
        said = f"{self.stored} records imported, {self.records['failed']} failed"
        if self.records["skipped"]:
            said += f", {self.records['skipped']} skipped that are stored as they are"
        if self.records["passed over"]:
            said += f", {self.records['passed over']} files passed over that hold no record"
        if self.stored or not self.records["skipped"]:
            said += f": {counts['created']} resources created, {counts['updated']} updated"
            said += f", {counts['unchanged']} unchanged"
        said += "."
        if self.withdrawn:
            said += f" {self.withdrawn} of the updated were retired, for their records no longer name them."
        common.out.print(said, soft_wrap=True)
        if sum(self.records.values()) == 1 and self.study:
            common.out.print(f"The study is {self.study}.")
        if self.left:
            lines = [f"{records:>7}  {place}" for place, records in sorted(self.left.items(), key=_most_first)]
            if len(lines) > MOST:
                lines[MOST:] = [f"         and {len(lines) - MOST} more"]
            heading = "Not mapped, for it has no place in the resources yet (records, field):"
            common.out.print("\n".join([heading, *lines]), markup=False, soft_wrap=True)


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    place, records = item
    return -records, place
