"""The index entry of a resource, with all that the settings want it to be found by."""

from __future__ import annotations

from functools import lru_cache

from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import Release
from fhirserver.search.indexing import IndexEntry, entry
from fhirserver.search.richness import Richness
from fhirserver.settings import Settings


def indexed(settings: Settings, release: Release, resource: Resource) -> IndexEntry:
    """Search terms of a resource; a Group's members are kept and found apart from it."""
    if resource["resourceType"] == "Group" and "member" in resource:
        resource = {name: value for name, value in resource.items() if name != "member"}
    traced = settings.referential_integrity == "all"
    return entry(release, resource, traced=traced, richness=richness(settings))


def richness(settings: Settings) -> Richness:
    """The types that are indexed by more than their search parameters."""
    return _richness(tuple(settings.full_text), tuple(settings.contains_index))


@lru_cache(maxsize=8)
def _richness(full_text: tuple[str, ...], contains: tuple[str, ...]) -> Richness:
    return Richness(frozenset(full_text), frozenset(contains))
