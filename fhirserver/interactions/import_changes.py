"""What an import changed in resources that were there: element by element, from the version before.

https://hl7.org/fhir/R5/http.html#vread
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fhirserver import fhirjson
from fhirserver.fhirjson import Resource
from fhirserver.interactions.server import Server
from fhirserver.interactions.write import Outcome
from fhirserver.store.documents import Version

MOST = 200
"""Differences of one resource that are told."""

_SHOWN = 300
"""Characters of a value that are told."""
_SILENT = frozenset({"meta", "text"})
"""What follows from the rest, or is the server's."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One element that is new, gone or other than it was, with both as they read."""

    element: str
    kind: Literal["added", "removed", "changed"]
    before: str | None = None
    after: str | None = None

    @property
    def told(self) -> dict[str, str]:
        """As JSON."""
        found = {"element": self.element, "change": self.kind}
        if self.before is not None:
            found["was"] = self.before
        if self.after is not None:
            found["is"] = self.after
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """A resource that an import wrote anew; `withdrawn` where the record no longer names it."""

    resource: str
    version: int
    differences: tuple[Difference, ...]
    withdrawn: bool = False


async def changes(server: Server, outcomes: Iterable[Outcome], withdrawn: Sequence[str]) -> tuple[Change, ...]:
    """The differences of every resource that was updated."""
    found = []
    for result in outcomes:
        version = result.version
        if version is None or result.created or not result.changed or version.version < 2:
            continue
        before = await server.store.read_version(version.type, version.id, version.version - 1)
        found.append(_change(before, version, f"{version.type}/{version.id}" in withdrawn))
    return tuple(found)


def _change(before: Version | None, after: Version, withdrawn: bool) -> Change:
    was = fhirjson.loads(before.body) if before and not before.gone else {}
    said = differences(was, fhirjson.loads(after.body))
    return Change(f"{after.type}/{after.id}", after.version, tuple(said)[:MOST], withdrawn)


def differences(before: Resource, after: Resource) -> list[Difference]:
    """The elements of two versions that differ; narrative and meta aside."""
    return list(_of_objects(before, after, "", _SILENT))


def _of_objects(
    before: dict[str, Any], after: dict[str, Any], path: str, silent: frozenset[str] = frozenset()
) -> Iterator[Difference]:
    for name in dict.fromkeys((*before, *after)):
        if name not in silent:
            yield from _of_values(before.get(name), after.get(name), f"{path}.{name}" if path else name)


def _of_values(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(before, after, path)
    elif before is None:
        yield Difference(path, "added", after=_shown(after))
    elif after is None:
        yield Difference(path, "removed", before=_shown(before))
    else:
        yield Difference(path, "changed", _shown(before), _shown(after))


def _of_lists(before: list[Any], after: list[Any], path: str) -> Iterator[Difference]:
    """Items that are on one side only; those that lie at the same place among them are taken for one that changed."""
    keys = {fhirjson.dumps(item) for item in before} & {fhirjson.dumps(item) for item in after}
    left = [(at, item) for at, item in enumerate(before) if fhirjson.dumps(item) not in keys]
    new = [(at, item) for at, item in enumerate(after) if fhirjson.dumps(item) not in keys]
    known = {_named(item): (at, item) for at, item in left if _named(item)}
    if not left and not new:
        yield Difference(path, "changed", f"{len(before)} items", f"{len(after)} items, in another order or number")
    for at, item in new:
        name = _named(item)
        was = known.pop(name, None) if name else next(((a, i) for a, i in left if a == at and not _named(i)), None)
        if was is None:
            yield Difference(f"{path}[{at}]", "added", after=_shown(item))
        else:
            left.remove(was)
            yield from _of_values(was[1], item, f"{path}[{at}]")
    for at, item in left:
        yield Difference(f"{path}[{at}]", "removed", before=_shown(item))


def _named(item: Any) -> str | None:
    """What an item is known by in its list, whatever its place."""
    if isinstance(item, dict):
        for name in ("linkId", "id", "url", "name"):
            if isinstance(item.get(name), str):
                return f"{name} {item[name]}"
    return None


def _shown(value: Any) -> str:
    """A value in a few words: of a concept or a reference its text."""
    if isinstance(value, dict):
        for name in ("text", "display", "name", "title", "label", "value", "reference"):
            if isinstance(value.get(name), str):
                value = value[name]
                break
        else:
            inner = next((value[n] for n in ("valueCodeableConcept", "state", "code", "type") if n in value), None)
            if isinstance(inner, dict):
                return _shown(inner)
    said = value if isinstance(value, str) else fhirjson.dumps(value).decode()
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"
