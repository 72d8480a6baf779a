"""The code systems and value sets that are loaded, by canonical; of several versions the one to use.

https://hl7.org/fhir/R5/references.html#canonical
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhirserver.fhirjson import Resource
from fhirserver.resources.canonicals import parts, rank
from fhirserver.resources.registry import Release
from fhirserver.terminology.codesystem import CodeSystem, compiled
from fhirserver.terminology.members import Members

Standing = tuple[bool, bool, bool, tuple[tuple[bool, int, str], ...], str]


def standing(definition: Mapping[str, Any]) -> Standing:
    """What orders the versions of one canonical, the one to use last.

    A whole code system comes before a part of one, what is active before a draft, a draft before what is retired,
    then the newest version counts.
    """
    status, date = definition.get("status"), definition.get("date")
    return (
        definition.get("content", "complete") == "complete",
        status == "active",
        status != "retired",
        rank(str(definition.get("version") or "")),
        str(date or ""),
    )


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions of code systems that a request asks for, by system: https://hl7.org/fhir/R5/valueset-operation-expand.html.

    `default` holds where a value set names none, `check` refuses another, `force` replaces another.
    """

    default: Mapping[str, str] = field(default_factory=dict)
    check: Mapping[str, str] = field(default_factory=dict)
    force: Mapping[str, str] = field(default_factory=dict)

    def of(self, system: str, written: str | None) -> str | None:
        """The version to use where a value set says `written`."""
        forced = self.force.get(system)
        if forced is not None:
            return forced
        return written or self.check.get(system) or self.default.get(system)

    def __bool__(self) -> bool:
        return bool(self.default or self.check or self.force)


AS_LOADED = Versions()
"""No version is asked for: those that value sets name count, else those to use."""


@dataclass(slots=True)
class _Shelf:
    """What is loaded under one URL; `best` is used where no version is named."""

    versions: dict[str, Any] = field(default_factory=dict)
    best: Any = None
    rank: Standing | None = None


class Contents:
    """What is loaded, and grows while it is used: what is there is never replaced by anything but its like."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self._systems: dict[str, _Shelf] = {}
        self._valuesets: dict[str, _Shelf] = {}
        self._supplements: dict[str, tuple[CodeSystem, ...]] = {}
        self.made: dict[str, Members] = {}
        """The value sets that were worked out before, by canonical."""
        self.weight = 0
        """Concepts that are held, in code systems and in what was worked out."""

    @classmethod
    def of(cls, release: Release, resources: Iterable[Resource]) -> Contents:
        """The contents of CodeSystem and ValueSet resources."""
        made = cls(release)
        for resource in resources:
            made.add(resource)
        return made

    def add(self, resource: Resource) -> None:
        """Takes a valid resource; of one version that comes twice the later counts."""
        if resource["resourceType"] == "CodeSystem":
            self.add_system(compiled(resource), standing(resource))
        elif isinstance(resource.get("url"), str):
            self.weight += 1
            _put(self._valuesets, resource["url"], resource.get("version"), resource, standing(resource))

    def add_system(self, system: CodeSystem, rank_: Standing) -> None:
        """Takes a code system, or a supplement to one."""
        self.weight += len(system.concepts)
        if system.content == "supplement":
            url = parts(system.supplements or "")[0]
            others = (each for each in self._supplements.get(url, ()) if _id(each) != _id(system))
            self._supplements[url] = (*others, system)
        else:
            _put(self._systems, system.url, system.version, system, rank_)

    def keep(self, name: str, made: Members) -> None:
        """Keeps what was worked out under a name."""
        self.made[name] = made
        self.weight += len(made.entries)

    def supplement(self, canonical: str) -> CodeSystem | None:
        """A supplement by its own canonical."""
        url, version = parts(canonical)
        found = [each for row in self._supplements.values() for each in row if each.url == url]
        return next((each for each in found if version in (None, each.version)), None)

    def codesystem(self, url: str, version: str | None = None) -> CodeSystem | None:
        """A code system: of that version if one is named, else the one to use."""
        found: CodeSystem | None = _get(self._systems, url, version)
        return found

    def valueset(self, canonical: str) -> Resource | None:
        """A value set: of the version that the canonical names, else the one to use."""
        found: Resource | None = _get(self._valuesets, *parts(canonical))
        return found

    def supplements(self, system: CodeSystem) -> tuple[CodeSystem, ...]:
        """The supplements to a code system that are loaded, to any version or to this one."""
        found = self._supplements.get(system.url, ())
        return tuple(each for each in found if parts(each.supplements or "")[1] in (None, system.version))


def _id(system: CodeSystem) -> tuple[str, str | None]:
    return system.url, system.version


def _put(shelves: dict[str, _Shelf], url: str, version: Any, item: Any, rank_: Standing) -> None:
    old = shelves.get(url, _Shelf())
    best = old.rank is None or rank_ >= old.rank
    # A new shelf each time: another thread may be looking at the old one.
    shelves[url] = _Shelf(
        {**old.versions, version if isinstance(version, str) else "": item},
        item if best else old.best,
        rank_ if best else old.rank,
    )


def _get(shelves: Mapping[str, _Shelf], url: str, version: str | None) -> Any:
    shelf = shelves.get(url)
    if shelf is None:
        return None
    return shelf.best if version is None else shelf.versions.get(version)
