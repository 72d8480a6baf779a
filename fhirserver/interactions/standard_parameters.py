"""The definitions of the search parameters that the server has by its release, as SearchParameter resources.

They are made of the tables that the server searches by, and stored when it starts, so that who reads the
CapabilityStatement finds what it names. https://hl7.org/fhir/R5/searchparameter.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from fhirserver import fhirjson
from fhirserver.fhirjson import Resource
from fhirserver.interactions import capabilities, write
from fhirserver.interactions.server import Server
from fhirserver.resources.fhirpath.nodes import ancestry
from fhirserver.resources.registry import VERSIONS, Release, SearchParameter, resource_types, search_parameters
from fhirserver.search.defined import TYPE
from fhirserver.store.documents import Put

PUBLISHER = "fhirserver"
"""Who made a definition that is stored here; what others wrote under its id stays."""

_TOGETHER = 250
_COMPARED = ("number", "date", "quantity")
_COMPARATORS = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]


@dataclass(slots=True)
class _Row:
    """One definition with the types that have it, and what it finds in each."""

    parameter: SearchParameter
    types: list[str] = field(default_factory=list)
    expressions: dict[str, None] = field(default_factory=dict)
    targets: set[str] = field(default_factory=set)


def definitions(server: Server) -> list[Resource]:
    """Each search parameter that the CapabilityStatement names by a definition of the release."""
    release = server.release
    rows: dict[str, _Row] = {}
    for type_, codes in _named(capabilities.statement(server)).items():
        known = search_parameters(release, type_)
        for parameter in (known[code] for code in codes if code in known):
            row = rows.setdefault(parameter.url, _Row(parameter))
            row.types.append(type_)
            row.expressions |= dict.fromkeys([parameter.expression] if parameter.expression else [])
            row.targets |= parameter.targets
    return [_definition(release, server.base, row) for _, row in sorted(rows.items())]


def _named(statement: Resource) -> Mapping[str, list[str]]:
    """Type → the search parameters that the statement names for it."""
    rest = statement["rest"][0]
    every = [each["name"] for each in rest.get("searchParam", ())]
    return {
        row["type"]: list(dict.fromkeys([*(each["name"] for each in row.get("searchParam", ())), *every]))
        for row in rest["resource"]
    }


def _definition(release: Release, base: str, row: _Row) -> Resource:
    one = row.parameter
    id_ = one.url.rsplit("/", 1)[-1]
    bases, own = _bases(release, row.types), one.own
    made: Resource = {
        "resourceType": TYPE,
        "id": id_,
        "url": one.url if own is None else f"{base}/{one.url}",
        "version": VERSIONS[release],
        "name": "".join(part[:1].upper() + part[1:] for part in id_.replace(".", "-").split("-")),
        "status": "active",
        "publisher": PUBLISHER,
        "description": own.description if own else f"'{one.code}' of {_listed(bases)}, as this server serves it.",
        "code": one.code,
        "base": bases,
        "type": one.kind,
    }
    if row.expressions:
        made["expression"] = " | ".join(row.expressions)
        if release != "R4":
            made["processingMode"] = "other" if own and (own.chain or own.stored) else "normal"
    if one.kind == "reference" and row.targets:
        made["target"] = sorted(row.targets)
    made |= {"multipleOr": True, "multipleAnd": True}
    if one.kind in _COMPARED:
        made["comparator"] = list(_COMPARATORS)
    if one.components:
        made["component"] = [{"definition": url, "expression": expression} for url, expression in one.components]
    return made


def _bases(release: Release, types: Iterable[str]) -> list[str]:
    """The types, or the abstract one that stands for all of them."""
    wanted = set(types)
    for abstract in ("Resource", "DomainResource"):
        if wanted == {each for each in resource_types(release) if abstract in ancestry(release, each)}:
            return [abstract]
    return sorted(wanted)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


async def publish(server: Server) -> int:
    """Stores the definitions where that was not done yet; how many were written."""
    found = definitions(server)
    mark = f"search-parameters/{server.release}/{sha256(fhirjson.dumps(found)).hexdigest()[:16]}"
    if await server.store.marked(mark):
        return 0
    there = await server.store.read_many([(TYPE, str(each["id"])) for each in found])
    others = {id_ for (_, id_), version in there.items() if fhirjson.loads(version.body).get("publisher") != PUBLISHER}
    items = [
        Put(each, TYPE, str(each["id"]), server.release, write.index(server, each))
        for each in found
        if each["id"] not in others
    ]
    for start in range(0, len(items), _TOGETHER):
        await server.store.put_many(items[start : start + _TOGETHER])
    await server.store.mark(mark)
    return len(items)
