"""What _include and _revinclude lead to: the references of a resource, and the filter of those that refer to a page.

https://hl7.org/fhir/R5/search.html#include
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from fhirserver import fhirjson
from fhirserver.resources.registry import Release
from fhirserver.search.added import Additions, additions, waiting
from fhirserver.search.ast import Member, Node, Or, Param
from fhirserver.search.chains import links
from fhirserver.search.indexing import MEMBERS
from fhirserver.search.kinds import reference
from fhirserver.search.named import named
from fhirserver.search.parameters import Parameter
from fhirserver.search.results import Include


class Local(NamedTuple):
    """A resource of this server; of a versioned reference `version` is that version."""

    type: str
    id: str
    version: str | None = None


class Canonical(NamedTuple):
    """A resource that is referred to by its URL, in any of these types."""

    url: str
    version: str | None
    types: tuple[str, ...]


def _parameters(release: Release, include: Include) -> tuple[Parameter, ...]:
    more = additions(release, include.source)
    found = _chosen(release, include, more)
    if more is None:
        return found
    # One that not all resources are indexed by is not among "all parameters" yet.
    late = waiting(release, include.source)
    return tuple(each for each in found if each.code not in late)


@lru_cache(1024)
def _chosen(release: Release, include: Include, _more: Additions | None) -> tuple[Parameter, ...]:
    every = named(release, include.source)
    chosen = every.values() if include.code == "*" else (every[include.code],)
    return tuple(each for each in chosen if each.kind == "reference" and each.code not in ("_in", "_profile"))


def references(
    release: Release, include: Include, resource: dict[str, Any], bases: Sequence[str] = ()
) -> list[Local | Canonical]:
    """What a resource of the include's source refers to, each once, in the order of the resource."""
    if resource.get("resourceType") != include.source:
        return []
    own = {None, *(base.rstrip("/") + "/" for base in bases)}
    found: dict[Local | Canonical, None] = {}
    for parameter in _parameters(release, include):
        allowed = reference.targets(parameter)
        for type_, value in parameter.values(resource):
            text = reference.literal_of(type_, value)
            if not text or text.startswith("#"):
                continue
            literal = fhirjson.literal(text)
            if literal is not None and literal.base in own:
                if include.target in (None, literal.type) and literal.type in allowed:
                    found[Local(literal.type, literal.id, literal.version)] = None
            elif type_ in ("canonical", "uri"):
                url, _, version = text.partition("|")
                types = (include.target,) if include.target else tuple(sorted(allowed))
                if parameter.definition.targets or include.target:
                    found[Canonical(url, version or None, types)] = None
    return list(found)


def by_url(release: Release, include: Include, type_: str) -> bool:
    """Whether resources of a type may be referred to by their canonical URLs."""
    return any(
        links(release, include.source, parameter.code)[1] and type_ in reference.targets(parameter)
        for parameter in _parameters(release, include)
    )


def referring(
    release: Release,
    include: Include,
    type_: str,
    ids: Sequence[str],
    bases: Sequence[str] = (),
    urls: Sequence[str] = (),
) -> Node | None:
    """The search on `include.source` for what refers to these resources of `type_`; None when nothing can.

    `urls` are the canonical URLs of those that have one.
    """
    if include.target not in (None, type_) or not ids:
        return None
    own = tuple(base.rstrip("/") + "/" for base in bases)
    test = reference.RefIn(type_, tuple(ids), own)
    found: list[Node] = []
    for parameter in _parameters(release, include):
        if type_ not in reference.targets(parameter):
            continue
        by_address, by_url = links(release, include.source, parameter.code)
        if (include.source, parameter.code) == MEMBERS:
            found.append(Member(test.forms))
        elif by_address:
            found.append(Param(include.source, parameter.code, test))
        if by_url and urls:
            found.append(Param(include.source, parameter.code, reference.Ref(tuple(urls))))
    if not found:
        return None
    return found[0] if len(found) == 1 else Or(tuple(found))
